"""Real models of built-in algorithms, and endpoints of containers that serve them."""

import io
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clary import algorithms
from tests.services.sagemaker_runtime.test_invoke_endpoint import ROLE, wait_for


def packed(folder: Path) -> bytes:
    """A folder's files as model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """`fitted("pca", features, labels, **hyperparameters)`: a model.tar.gz."""

    def fit(name: str, features: np.ndarray, labels: np.ndarray | None = None, **hyperparameters: Any) -> bytes:
        folder = tmp_path_factory.mktemp(name)
        algorithms.estimator(name)(**hyperparameters).fit(features, labels).save(folder)
        return packed(folder)

    return fit


@pytest.fixture(scope="session")
def deploy(aws: Callable[..., Any]) -> Iterator[Callable[..., str]]:
    """`deploy([container, ...], variant={...}, **model)`: the name of an endpoint in service."""
    sagemaker, names = aws("sagemaker"), []

    def deploy(containers: list[dict[str, Any]], variant: dict[str, Any] | None = None, **model: Any) -> str:
        name = f"e-{uuid.uuid4().hex[:8]}"
        sagemaker.create_model(ModelName=name, Containers=containers, ExecutionRoleArn=ROLE, **model)
        given = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large", **(variant or {})}
        variants = [{"VariantName": "AllTraffic", "ModelName": name, **given}]
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        names.append(name)
        wait_for(sagemaker, name, "InService")
        return name

    yield deploy
    for name in names:
        sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture(scope="session")
def bucket(aws: Callable[..., Any]) -> str:
    name = f"models-{uuid.uuid4().hex[:8]}"
    aws("s3").create_bucket(Bucket=name)
    return name
