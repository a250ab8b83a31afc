"""Score a file of patients with a batch transform: no endpoint, ids kept beside the scores. Plain boto3.

The first column of the file is an id, which the model must not see and the result must have: InputFilter leaves it out,
JoinSource puts the model's answer, score and label, behind each row, OutputFilter keeps the id and the score.
"""

import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from steps import BUCKET, ROLE, as_csv, image, s3, sagemaker, train, upload

features, benign = load_breast_cancer(return_X_y=True)
malignant = 1 - benign
order = np.random.default_rng(0).permutation(len(features))
learn, score = order[:400], order[400:]

settings = {"predictor_type": "binary_classifier", "mini_batch_size": 50, "epochs": 20}
job = train("linear-learner", settings, "text/csv", train=as_csv(np.column_stack([malignant, features])[learn]))
name = job["TrainingJobName"]
model = {"Image": image("linear-learner"), "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=model)

patients = [[f"patient-{number}", *features[number]] for number in score]
sagemaker.create_transform_job(
    TransformJobName=name,
    ModelName=name,
    TransformInput={
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": upload("patients", as_csv(patients))}},
        "ContentType": "text/csv",
        "SplitType": "Line",
    },
    TransformOutput={"S3OutputPath": f"s3://{BUCKET}/scores", "Accept": "text/csv", "AssembleWith": "Line"},
    TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-2]"},
)
while (transform := sagemaker.describe_transform_job(TransformJobName=name))["TransformJobStatus"] == "InProgress":
    time.sleep(0.2)
if transform["TransformJobStatus"] != "Completed":
    raise SystemExit(f"{name}: {transform['FailureReason']}")

rows = s3.get_object(Bucket=BUCKET, Key="scores/part-0.out")["Body"].read().decode().splitlines()
scores = {patient: float(value) for patient, value in (row.split(",") for row in rows)}
print(f"{len(scores)} patients scored, AUC {roc_auc_score(malignant[score], list(scores.values())):.4f}")
for patient, value in sorted(scores.items(), key=lambda pair: -pair[1])[:3]:
    print(f"look first at {patient}: {value:.3f}")
