"""Where AWS keeps the images of the built-in algorithms: an account for each region and family of repositories.

The facts are those of the SageMaker Python SDK's `image_uri_config` files (2.257 and 3.x, which agree).
"""

FAMILIES = ("first-party", "deepar", "deep", "xgboost", "lda")
"""The columns of the table."""

ACCOUNTS: dict[str, tuple[str, ...]] = {
    region: tuple(accounts.split())
    for region, accounts in {
        "af-south-1": "455444449433 455444449433 455444449433 510948584623 -",
        "ap-east-1": "286214385809 286214385809 286214385809 651117190479 -",
        "ap-northeast-1": "351501993468 633353088612 501404015308 354813040037 258307448986",
        "ap-northeast-2": "835164637446 204372634319 306986355934 366743142698 293181348795",
        "ap-northeast-3": "867004704886 867004704886 867004704886 867004704886 -",
        "ap-south-1": "991648021394 991648021394 991648021394 720646828776 991648021394",
        "ap-south-2": "628508329040 628508329040 628508329040 628508329040 -",
        "ap-southeast-1": "475088953585 475088953585 475088953585 121021644041 475088953585",
        "ap-southeast-2": "712309505854 514117268639 544295431143 783357654285 297031611018",
        "ap-southeast-3": "951798379941 951798379941 951798379941 951798379941 -",
        "ap-southeast-4": "106583098589 106583098589 106583098589 106583098589 -",
        "ca-central-1": "469771592824 469771592824 469771592824 341280168497 469771592824",
        "ca-west-1": "190319476487 190319476487 190319476487 190319476487 -",
        "cn-north-1": "390948362332 390948362332 390948362332 450853457545 -",
        "cn-northwest-1": "387376663083 387376663083 387376663083 451049120500 -",
        "eu-central-1": "664544806723 495149712605 813361260812 492215442770 353608530281",
        "eu-central-2": "680994064768 680994064768 680994064768 680994064768 -",
        "eu-north-1": "669576153137 669576153137 669576153137 662702820516 -",
        "eu-south-1": "257386234256 257386234256 257386234256 978288397137 -",
        "eu-south-2": "104374241257 104374241257 104374241257 104374241257 -",
        "eu-west-1": "438346466558 224300973850 685385470294 141502667606 999678624901",
        "eu-west-2": "644912444149 644912444149 644912444149 764974769150 644912444149",
        "eu-west-3": "749696950732 749696950732 749696950732 659782779980 -",
        "il-central-1": "898809789911 898809789911 898809789911 898809789911 -",
        "me-central-1": "272398656194 272398656194 272398656194 272398656194 -",
        "me-south-1": "249704162688 249704162688 249704162688 801668240914 -",
        "sa-east-1": "855470959533 855470959533 855470959533 737474898029 -",
        "us-east-1": "382416733822 522234722520 811284229777 683313688378 766337827248",
        "us-east-2": "404615174143 566113047672 825641698319 257758044811 999911452149",
        "us-gov-east-1": "237065988967 237065988967 237065988967 237065988967 -",
        "us-gov-west-1": "226302683700 226302683700 226302683700 414596584902 226302683700",
        "us-iso-east-1": "490574956308 490574956308 490574956308 833128469047 490574956308",
        "us-isob-east-1": "765400339828 765400339828 765400339828 281123927165 765400339828",
        "us-isof-east-1": "108575199400 108575199400 108575199400 108575199400 -",
        "us-isof-south-1": "124985052026 124985052026 124985052026 124985052026 -",
        "us-west-1": "632365934929 632365934929 632365934929 746614075791 632365934929",
        "us-west-2": "174872318107 156387875391 433757028032 246618743249 266724342769",
    }.items()
}
"""Region -> an account for each family; "-" where the family has no image there."""

DEEP_LEARNING = {
    "": "763104351884",
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-east-2": "975050140332",
    "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452",
    "ap-southeast-3": "907027046896",
    "ap-southeast-4": "457447274322",
    "ap-southeast-5": "550225433462",
    "ap-southeast-6": "633930458069",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "cn-north-1": "727897471807",
    "cn-northwest-1": "727897471807",
    "eu-central-2": "380420809688",
    "eu-south-1": "692866216735",
    "eu-south-2": "503227376785",
    "il-central-1": "780543022126",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
    "mx-central-1": "637423239942",
    "us-gov-east-1": "446045086412",
    "us-gov-west-1": "442386744353",
    "us-iso-east-1": "886529160074",
    "us-isob-east-1": "094389454867",
    "us-isof-east-1": "303241398832",
    "us-isof-south-1": "454834333376",
}
"""Region -> the account of the deep learning containers (PyTorch's); the empty one holds for all others."""

REPOSITORIES = {
    "blazingtext": "deep",
    "factorization-machines": "first-party",
    "forecasting-deepar": "deepar",
    "image-classification": "deep",
    "ipinsights": "first-party",
    "kmeans": "first-party",
    "knn": "first-party",
    "lda": "lda",
    "linear-learner": "first-party",
    "ntm": "first-party",
    "object-detection": "deep",
    "object2vec": "first-party",
    "pca": "first-party",
    "randomcutforest": "first-party",
    "sagemaker-xgboost": "xgboost",
    "semantic-segmentation": "deep",
    "seq2seq": "deep",
    "xgboost": "deep",
}
"""Repository -> the family whose accounts hold it."""
