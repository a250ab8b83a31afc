"""What several flows of SDK v2 start from: a session, the tumours of Wisconsin in S3, and XGBoost trained on them."""

import os
import threading
from functools import cache

import boto3
import numpy as np
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sklearn.datasets import load_breast_cancer

TYPE = "ml.m5.large"
IMAGE = image_uris.retrieve("xgboost", "us-east-1", version="1.7-1")
SETTINGS = {"objective": "binary:logistic", "num_round": 40, "eval_metric": "logloss"}

features, benign = load_breast_cancer(return_X_y=True)
rows = np.column_stack([1 - benign, features])
np.random.default_rng(0).shuffle(rows)
held_out = rows[480:]

_lock = threading.Lock()


def session():
    """A session of the flow's own: boto3's default session is not made for threads."""
    return sagemaker.Session(boto_session=boto3.Session())


def as_csv(table):
    return "\n".join(",".join(f"{value:g}" for value in row) for row in table)


@cache
def _places():
    here = session()
    tables = {"train": rows[:400], "validation": rows[400:480], "test": held_out[:, 1:]}
    return {
        name: here.upload_string_as_file_body(as_csv(table), here.default_bucket(), f"tumours/{name}/rows.csv")
        for name, table in tables.items()
    }


def place(name):
    """Where the rows of a channel lie in S3."""
    with _lock:
        return _places()[name]


def channels():
    return {name: TrainingInput(place(name), content_type="csv") for name in ("train", "validation")}


def estimator(here, **settings):
    """XGBoost in AWS's image, not yet trained."""
    return Estimator(
        image_uri=IMAGE,
        role=sagemaker.get_execution_role(here),
        instance_count=1,
        instance_type=TYPE,
        base_job_name=f"tumours-{os.urandom(3).hex()}",  # the SDK's own names are of a millisecond
        sagemaker_session=here,
        hyperparameters={**SETTINGS, **settings},
    )


@cache
def _trained():
    model = estimator(session())
    model.fit(channels(), logs=False)
    return model.model_data


_training = threading.Lock()


def model_data():
    """The artefact of an XGBoost that was trained once for all flows."""
    with _training:
        return _trained()


def accuracy(answer):
    """Of the scores for the held-out rows, in an endpoint's or a transform's CSV."""
    text = answer if isinstance(answer, str) else answer.decode()
    scores = np.array(text.replace("\n", ",").strip(",").split(","), dtype=float)
    assert len(scores) == len(held_out), text[:200]
    return ((scores > 0.5) == held_out[:, 0]).mean()
