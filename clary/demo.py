"""`clary demo`: SageMaker's main job on real data, through boto3, from upload to metrics."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score, roc_auc_score

from clary.clients import address
from clary.config import Settings, load_settings
from clary.errors import SettingsError
from clary.formats.recordio import write_records
from clary.store.lock import DataFolderLock

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
START_SECONDS = 60.0
WAIT_SECONDS = 120.0

console = Console(highlight=False, soft_wrap=True)


def run(endpoint: str | None, *, keep: bool) -> int:
    """Run both models against a server of its own, or a running one; the exit code."""
    settings = load_settings()
    if endpoint:
        try:
            _Demo(endpoint, settings).run()
        except EndpointConnectionError as error:
            raise SettingsError(str(error)) from None
        _next_steps("")
        return 0
    with _server(keep) as url:
        _Demo(url, settings).run()
        if keep:
            console.print(f"\nThe server goes on at [bold]{url}[/].")
    _next_steps(url if keep else "")
    return 0


class _Demo:
    """The two models; the names carry the time, so that it works again on the same server."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._role = settings.default_role_arn
        self._suffix = time.strftime("%Y%m%d-%H%M%S") + f"-{os.getpid()}"
        self._bucket = f"clary-demo-{self._suffix}"
        self._clients: dict[str, Any] = {}
        self._settings = settings
        self._url = url

    def client(self, service: str) -> Any:
        """A plain boto3 client; only its address and its keys are Clary's."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self._url,
                region_name="us-east-1",
                aws_access_key_id=self._settings.access_key,
                aws_secret_access_key=self._settings.secret_key,
                config=Config(retries={"max_attempts": 1}),
            )
        return self._clients[service]

    def run(self) -> None:
        """Both models, one after the other."""
        self.client("s3").create_bucket(Bucket=self._bucket)
        console.print("[bold]1. XGBoost[/]: breast cancer, malignant or benign, trained, deployed and asked")
        self.classify()
        console.print("\n[bold]2. K-Means[/]: handwritten digits, streamed to the job through a pipe")
        self.cluster()

    def classify(self) -> None:
        """wdbc as CSV, binary:logistic, the held-out rows through an endpoint."""
        features, benign = load_breast_cancer(return_X_y=True)
        rows = np.column_stack([1 - benign, features])  # the label first, as the algorithm expects it
        np.random.default_rng(0).shuffle(rows)
        train, validation, test = np.split(rows, [int(0.7 * len(rows)), int(0.8 * len(rows))])
        with _step(f"upload {len(train)} training and {len(validation)} validation rows as CSV to S3"):
            self._upload("wdbc/train/train.csv", _csv(train))
            self._upload("wdbc/validation/validation.csv", _csv(validation))
        job = f"wdbc-{self._suffix}"
        with _step("CreateTrainingJob, until Completed"):
            self._train(
                job,
                XGBOOST,
                {
                    "objective": "binary:logistic",
                    "num_round": "60",
                    "max_depth": "3",
                    "eta": "0.2",
                    "eval_metric": "auc",
                },
                {"train": "text/csv", "validation": "text/csv"},
                "wdbc",
            )
        with _step("CreateModel, CreateEndpointConfig, CreateEndpoint, until InService"):
            self._deploy(job, XGBOOST)
        with _step(f"InvokeEndpoint with the {len(test)} held-out rows"):
            body = self.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=job, ContentType="text/csv", Accept="text/csv", Body=_csv(test[:, 1:])
            )["Body"]
            scores = np.array(body.read().decode().replace("\n", ",").strip(",").split(","), dtype=float)
        self.client("sagemaker").delete_endpoint(EndpointName=job)
        _show_classification(test[:, 0].astype(int), scores)

    def cluster(self) -> None:
        """The digits as recordIO-protobuf in Pipe mode; test:msd read back from CloudWatch."""
        pixels, _ = load_digits(return_X_y=True)
        pixels = pixels.astype(np.float32)
        np.random.default_rng(0).shuffle(pixels)
        with _step(f"upload {len(pixels)} images of 8 x 8 pixels as recordIO-protobuf to S3"):
            self._upload("digits/train/digits.pbr", _records(pixels[:1500]))
            self._upload("digits/test/digits.pbr", _records(pixels[1500:]))
        job = f"digits-{self._suffix}"
        record = "application/x-recordio-protobuf"
        with _step("CreateTrainingJob in Pipe mode, until Completed"):
            self._train(
                job,
                KMEANS,
                {"k": "10", "feature_dim": "64", "mini_batch_size": "500", "epochs": "2"},
                {"train": record, "test": record},
                "digits",
                mode="Pipe",
            )
        with _step("GetMetricStatistics from CloudWatch"):
            msd = self._metric(job, "test:msd")
        console.print(f"   test:msd = [bold]{msd:.1f}[/]  (mean squared distance of an image to its cluster's centre)")

    def _upload(self, key: str, body: bytes) -> None:
        self.client("s3").put_object(Bucket=self._bucket, Key=key, Body=body)

    def _train(
        self, job: str, image: str, settings: dict[str, str], channels: dict[str, str], prefix: str, mode: str = "File"
    ) -> None:
        self.client("sagemaker").create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": mode},
            RoleArn=self._role,
            HyperParameters=settings,
            InputDataConfig=[self._channel(name, prefix, kind) for name, kind in channels.items()],
            OutputDataConfig={"S3OutputPath": f"s3://{self._bucket}/output"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
        describe = self.client("sagemaker").describe_training_job
        _wait(lambda: describe(TrainingJobName=job), "TrainingJobStatus", "Completed")

    def _channel(self, name: str, prefix: str, content_type: str) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self._bucket}/{prefix}/{name}/"}
        return {"ChannelName": name, "ContentType": content_type, "DataSource": {"S3DataSource": source}}

    def _deploy(self, name: str, image: str) -> None:
        sagemaker = self.client("sagemaker")
        artefact = sagemaker.describe_training_job(TrainingJobName=name)["ModelArtifacts"]["S3ModelArtifacts"]
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=self._role, PrimaryContainer={"Image": image, "ModelDataUrl": artefact}
        )
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        _wait(lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", "InService")

    def _metric(self, job: str, name: str) -> float:
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace="/aws/sagemaker/TrainingJobs",
            MetricName=name,
            Dimensions=[{"Name": "TrainingJobName", "Value": job}],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 60,
            Period=60,
            Statistics=["Average"],
        )["Datapoints"]
        return float(points[-1]["Average"])


def _wait(describe: Any, member: str, wanted: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = describe()
        if answer[member] == wanted:
            return
        if answer[member] in ("Failed", "Stopped"):
            raise SettingsError(f"the demo's {answer[member].lower()}: {answer.get('FailureReason')}")
        time.sleep(0.1)
    raise SettingsError(f"the demo waited {WAIT_SECONDS:.0f} s for {wanted}; it is still {answer[member]}")


@contextmanager
def _step(what: str) -> Iterator[None]:
    start = time.perf_counter()
    with console.status(what):
        yield
    console.print(f"   [green]✓[/] {what}  [dim]{time.perf_counter() - start:.2f} s[/]")


@contextmanager
def _server(keep: bool) -> Iterator[str]:
    """A server of its own on a free port and a temporary folder; both are gone afterwards unless kept."""
    folder = Path(tempfile.mkdtemp(prefix="clary-demo-"))
    log = (folder / "server.log").open("wb")
    command = [sys.executable, "-m", "clary", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    with _step("start Clary on a free port, with a temporary data folder"), log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=keep)  # noqa: S603
        port = _listening_port(process, folder)
    done = False
    try:
        yield f"http://{address(load_settings().host)}:{port}"
        done = True
    finally:
        if not (keep and done):
            process.terminate()
            process.wait(timeout=60)
            shutil.rmtree(folder, ignore_errors=True)


def _listening_port(process: subprocess.Popen[bytes], folder: Path) -> int:
    lock = DataFolderLock(folder / "data")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        holder = lock.holder()
        if holder and holder.port:
            return holder.port
        time.sleep(0.02)
    process.kill()
    raise SettingsError(f"the server did not start:\n{(folder / 'server.log').read_text()}")


def _csv(rows: np.ndarray) -> bytes:
    text = BytesIO()
    np.savetxt(text, rows, delimiter=",", fmt="%g")
    return text.getvalue()


def _records(features: np.ndarray) -> bytes:
    stream = BytesIO()
    write_records(stream, features)
    return stream.getvalue()


def _show_classification(truth: np.ndarray, scores: np.ndarray) -> None:
    guess = (scores >= 0.5).astype(int)
    counts = confusion_matrix(truth, guess)
    table = Table("", "said benign", "said malignant", title="held-out rows", title_justify="left")
    table.add_row("benign", *map(str, counts[0]))
    table.add_row("malignant", *map(str, counts[1]))
    console.print(table)
    console.print(
        f"   precision [bold]{precision_score(truth, guess):.3f}[/]  recall [bold]{recall_score(truth, guess):.3f}[/]"
        f"  F1 [bold]{f1_score(truth, guess):.3f}[/]  AUC [bold]{roc_auc_score(truth, scores):.4f}[/]"
    )


def _next_steps(url: str) -> None:
    program = sys.argv[0] if Path(sys.argv[0]).name == "clary" else "clary"
    python = (
        Path(sys.executable).relative_to(Path.cwd()) if Path(sys.executable).is_relative_to(Path.cwd()) else "python"
    )
    console.print("\nNext:")
    port = f" --port {url.rpartition(':')[2]}" if url else ""
    if not url:
        console.print(f"   {program} serve")
    console.print(f'   eval "$({program} env{port})"')
    console.print(f"   {python} examples/train_deploy_invoke.py")
