"""What several flows of SDK v3 start from: a session, the tumours of Wisconsin in S3, and XGBoost trained on them."""

import os
import threading
from functools import cache
from pathlib import Path

import boto3
import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.train import ModelTrainer
from sklearn.datasets import load_breast_cancer

TYPE = "ml.m5.large"
IMAGE = image_uris.retrieve("xgboost", "us-east-1", version="1.7-1")
SKLEARN = image_uris.retrieve("sklearn", "us-east-1", version="1.2-1")
SOURCE = str(Path(__file__).parent / "source")
SETTINGS = {"objective": "binary:logistic", "num_round": 40, "eval_metric": "logloss"}

features, benign = load_breast_cancer(return_X_y=True)
rows = np.column_stack([1 - benign, features])
np.random.default_rng(0).shuffle(rows)
held_out = rows[480:]

_lock = threading.Lock()


def session():
    """A session of the flow's own: boto3's default session is not made for threads."""
    return Session(boto_session=boto3.Session())


def role(here):
    return get_execution_role(here)


def unique(start):
    """A name that no other flow has."""
    return f"{start}-{os.urandom(4).hex()}"


def as_csv(table):
    return "\n".join(",".join(f"{value:g}" for value in row) for row in table)


@cache
def _places():
    here = session()
    tables = {"train": rows[:400], "validation": rows[400:480], "test": held_out[:, 1:]}
    return {
        name: here.upload_string_as_file_body(as_csv(table), here.default_bucket(), f"tumours-v3/{name}/rows.csv")
        for name, table in tables.items()
    }


def place(name):
    """Where the rows of a channel lie in S3."""
    with _lock:
        return _places()[name]


def channels(*names):
    return [
        InputData(channel_name=name, data_source=place(name), content_type="text/csv")
        for name in names or ("train", "validation")
    ]


def trainer(here, **settings):
    """XGBoost in AWS's image, not yet trained."""
    return ModelTrainer(
        training_image=IMAGE,
        role=role(here),
        compute=Compute(instance_type=TYPE, instance_count=1),
        hyperparameters={**SETTINGS, **settings},
        base_job_name=unique("tumours-v3"),  # the SDK's own names are of a second
        sagemaker_session=here,
    )


@cache
def _trained():
    model = trainer(session())
    model.train(input_data_config=channels(), logs=False)
    return model._latest_training_job.model_artifacts.s3_model_artifacts


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
