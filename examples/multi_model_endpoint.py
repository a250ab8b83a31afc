"""Ten models, one for each digit, behind one endpoint: each is loaded when it is first asked.

    python examples/multi_model_endpoint.py

Linear Learner learns of each handwritten digit, which scikit-learn ships, whether an image shows it. The ten models lie
below one S3 prefix, and one multi-model endpoint serves them all; TargetModel says which is asked. An eleventh model is
put below the prefix while the endpoint serves, and answers at once. First: eval "$(clary env)".
"""

import json
import time
from urllib.parse import urlsplit

import numpy as np
from sklearn.datasets import load_digits
from steps import BUCKET, ROLE, as_csv, image, runtime, s3, sagemaker, train

NAME = f"digits-{time.strftime('%H%M%S')}"
LEARNER = {"predictor_type": "binary_classifier", "feature_dim": 64, "mini_batch_size": 100, "epochs": 10}

digits = load_digits()
images, labels = digits.data / 16, digits.target
order = np.random.default_rng(1).permutation(len(labels))
learned, asked = order[:1400], order[1400:]


def add_model(name, shown):
    """Train a model of whether an image shows what it should, and put it below the prefix."""
    table = np.column_stack([shown[learned].astype(int), images[learned]])
    job = train("linear-learner", LEARNER, "text/csv;label_size=1", train=as_csv(table))
    artefact = urlsplit(job["ModelArtifacts"]["S3ModelArtifacts"])
    source = {"Bucket": artefact.netloc, "Key": artefact.path.lstrip("/")}
    s3.copy_object(Bucket=BUCKET, Key=f"models/{name}.tar.gz", CopySource=source)


def ask(name, rows):
    """How likely each row shows what a model knows, and the milliseconds that it took."""
    begun = time.perf_counter()
    answer = runtime.invoke_endpoint(
        EndpointName=NAME, TargetModel=f"{name}.tar.gz", Body=as_csv(rows), ContentType="text/csv"
    )
    predictions = json.loads(answer["Body"].read())["predictions"]
    return [row["score"] for row in predictions], 1000 * (time.perf_counter() - begun)


for digit in range(10):
    add_model(f"is-{digit}", labels == digit)

container = {
    "Image": image("linear-learner"),
    "Mode": "MultiModel",
    "ModelDataUrl": f"s3://{BUCKET}/models/",
    "MultiModelConfig": {"ModelCacheSetting": "Enabled"},
}
variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig={"Delay": 1})

first = [ask(f"is-{digit}", images[asked]) for digit in range(10)]
again = [ask(f"is-{digit}", images[asked]) for digit in range(10)]
read = np.argmax([scores for scores, _ in first], axis=0)
print(f"ten models read {np.mean(read == labels[asked]):.0%} of {len(asked)} images right")
cold, warm = (np.median([took for _, took in answers]) for answers in (first, again))
print(f"a model's first answer takes {cold:.0f} ms, later ones {warm:.0f} ms")

add_model("is-even", labels % 2 == 0)
scores, _ = ask("is-even", images[asked])
print(f"an eleventh model tells even digits, {np.mean((np.array(scores) > 0.5) == (labels[asked] % 2 == 0)):.0%} right")

sagemaker.delete_endpoint(EndpointName=NAME)
sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
sagemaker.delete_model(ModelName=NAME)
