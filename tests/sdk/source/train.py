"""A training script as a user has one: scikit-learn, for script mode in both SDKs."""

import argparse
import os

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def model_fn(folder):
    """How the model is loaded on an endpoint; the rest is the container's default."""
    return joblib.load(os.path.join(folder, "model.joblib"))  # noqa: PTH118


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--strength", type=float, default=1.0)
    settings = parser.parse_args()
    table = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",")  # noqa: PTH118
    model = make_pipeline(StandardScaler(), LogisticRegression(C=settings.strength, max_iter=1000))
    model.fit(table[:, 1:], table[:, 0])
    print(f"accuracy: {model.score(table[:, 1:], table[:, 0]):.4f} at {settings.strength}")
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))  # noqa: PTH118
