"""The SageMaker Python SDK v2: XGBoost through Estimator, K-Means through its own class. First: eval "$(clary env)"."""

import numpy as np
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sklearn.datasets import load_breast_cancer, load_digits

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()

features, benign = load_breast_cancer(return_X_y=True)
rows = np.column_stack([1 - benign, features])
np.random.default_rng(0).shuffle(rows)


def upload(name, table):
    text = "\n".join(",".join(f"{value:g}" for value in row) for row in table)
    return session.upload_string_as_file_body(text, bucket, f"wdbc/{name}/rows.csv")


estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
    hyperparameters={"objective": "binary:logistic", "num_round": 60, "eta": 0.2},
)
channels = {"train": rows[:400], "validation": rows[400:480]}
estimator.fit({name: TrainingInput(upload(name, table), content_type="csv") for name, table in channels.items()})

predictor = estimator.deploy(1, "ml.m5.large", serializer=CSVSerializer())
answer = predictor.predict(rows[480:, 1:])
scores = np.array(answer.decode().replace("\n", ",").strip(",").split(","), dtype=float)
print(f"XGBoost: accuracy {((scores > 0.5) == rows[480:, 0]).mean():.3f} on {len(scores)} held-out rows")
predictor.delete_endpoint()

pixels = load_digits().data.astype("float32")
kmeans = sagemaker.KMeans(role, 1, "ml.m5.large", k=10, sagemaker_session=session)
kmeans.fit(kmeans.record_set(pixels), mini_batch_size=500)
predictor = kmeans.deploy(1, "ml.m5.large")
clusters = [int(record.label["closest_cluster"].float32_tensor.values[0]) for record in predictor.predict(pixels[:100])]
print(f"K-Means: {len(set(clusters))} clusters among the first 100 digits")
predictor.delete_endpoint()
