"""Two versions of a model are registered, the better one is approved, and what was approved is deployed.

    python examples/model_registry.py

k-NN reads handwritten digits, which scikit-learn ships, by 3 neighbours and by 200. Each training job becomes a version
of one model package group, with the accuracy it had on the test channel. A gate approves versions that reach 95 % and
rejects the others; the deployment knows nothing of training: it asks the registry for the newest approved version.
First: eval "$(clary env)".
"""

import time

import numpy as np
from sklearn.datasets import load_digits
from steps import as_csv, container, deployed_container, metrics, sagemaker, train

GROUP = f"digits-{time.strftime('%H%M%S')}"


def register(job):
    """The model of a training job as the next version of the group; its ARN."""
    accuracy = metrics(job)["test:accuracy"]
    return sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        InferenceSpecification={"Containers": [container(job)], "SupportedContentTypes": ["text/csv"]},
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"accuracy": f"{accuracy:.3f}", "training-job": job["TrainingJobName"]},
    )["ModelPackageArn"]


def judge(arn):
    """Approve or reject a version by the accuracy it was registered with."""
    version = sagemaker.describe_model_package(ModelPackageName=arn)
    accuracy = version["CustomerMetadataProperties"]["accuracy"]
    status = "Approved" if float(accuracy) >= 0.95 else "Rejected"
    why = f"accuracy {accuracy} against 0.95"
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription=why)
    print(f"version {version['ModelPackageVersion']}: {status}, {why}")


digits = load_digits()
table = np.column_stack([digits.target, digits.data])[np.random.default_rng(1).permutation(len(digits.target))]
channels = {"train": as_csv(table[:1400]), "test": as_csv(table[1400:])}
sagemaker.create_model_package_group(ModelPackageGroupName=GROUP, ModelPackageGroupDescription="Handwritten digits")
for k in (3, 200):
    knn = {"k": k, "sample_size": 1400, "predictor_type": "classifier", "feature_dim": 64}
    judge(register(train("knn", knn, "text/csv;label_size=1", **channels)))

approved = sagemaker.list_model_packages(
    ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
)["ModelPackageSummaryList"][0]
with deployed_container(GROUP, {"ModelPackageName": approved["ModelPackageArn"]}) as ask:
    answers = [round(row["predicted_label"]) for row in ask(as_csv(table[1400:1410, 1:]))["predictions"]]
print(
    f"version {approved['ModelPackageVersion']} reads {answers}, written was {table[1400:1410, 0].astype(int).tolist()}"
)
