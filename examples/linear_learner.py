"""Is a tumour malignant? Linear Learner trains 32 models at once and sets the threshold so that few are missed.

    python examples/linear_learner.py

The data are 569 tumours with 30 measurements each, from Wisconsin, as scikit-learn ships them. A missed tumour is worse
than a false alarm, so of all thresholds that find 98 % of the malignant ones on the validation channel the one with
the fewest false alarms is taken. First: eval "$(clary env)".
"""

import io
import tarfile
import zipfile

import numpy as np
from sklearn.datasets import load_breast_cancer
from steps import BUCKET, as_csv, deployed, metrics, s3, train

from clary.formats import mxnet


def weights_of(job):
    """The weights of a model artefact, one a column: model_algo-1 is a zip archive with an MXNet module in it."""
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        module = zipfile.ZipFile(io.BytesIO(archive.extractfile("model_algo-1").read()))
    arrays = mxnet.decode(module.read("mx-mod-0000.params"), "mx-mod-0000.params")
    return arrays["arg:fc0_weight"][0]


data = load_breast_cancer()
order = np.random.default_rng(2).permutation(len(data.target))
features, malignant = data.data[order], 1 - data.target[order]
table = np.column_stack([malignant, features])
parts = {"train": table[:250], "validation": table[250:410], "test": table[410:]}
job = train(
    "linear-learner",
    {
        "predictor_type": "binary_classifier",
        "binary_classifier_model_selection_criteria": "precision_at_target_recall",
        "target_recall": 0.98,
        "mini_batch_size": 30,
    },
    "text/csv;label_size=1",
    **{channel: as_csv(rows) for channel, rows in parts.items()},
)
found = metrics(job)
print(f"malignant tumours found: {found['test:recall']:.0%} of the test channel's")
print(f"right alarms: {found['test:precision']:.0%}, area under the ROC curve {found['test:roc_auc_score']:.3f}")

importance = weights_of(job) * parts["train"][:, 1:].std(axis=0)
leading = np.argsort(-np.abs(importance))[:3]
print("what counts most:", ", ".join(data.feature_names[column] for column in leading))

with deployed(job) as ask:
    for title, rows in (("malignant", parts["test"][:, 0] == 1), ("benign", parts["test"][:, 0] == 0)):
        answer = ask(as_csv(parts["test"][rows][:1, 1:]))["predictions"][0]
        alarm = "alarm" if answer["predicted_label"] else "no alarm"
        print(f"a {title} tumour: score {answer['score']:.3f}, {alarm}")
