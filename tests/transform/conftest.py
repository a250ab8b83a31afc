"""A model on the one server, and what it says of the rows."""

import numpy as np
import pytest
import xgboost

from tests.main_job import XGBOOST, labelled_rows
from tests.transform.transform_desk import PLAIN, ROWS, WITH_IDS, TransformDesk


@pytest.fixture(scope="session")
def booster():
    table = np.array([line.split(",") for line in labelled_rows().decode().splitlines()], float)
    matrix = xgboost.DMatrix(table[:, 1:], label=table[:, 0])
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, matrix, 3)


@pytest.fixture(scope="session")
def expected(booster):
    """A line for each row of ROWS."""
    return [str(score) for score in booster.predict(xgboost.DMatrix(ROWS)).tolist()]


@pytest.fixture(scope="session")
def desk(aws, booster, tmp_path_factory):
    desk = TransformDesk(aws, "transforms-bucket")
    desk.s3.create_bucket(Bucket=desk.bucket)
    path = tmp_path_factory.mktemp("model") / "xgboost-model"
    booster.save_model(path.with_suffix(".ubj"))
    path.with_suffix(".ubj").rename(path)
    desk.register("xgb", XGBOOST, [path])
    desk.put("plain/a.csv", PLAIN)
    desk.put("ids/a.csv", WITH_IDS)
    return desk
