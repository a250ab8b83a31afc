"""What tests of batch transforms share: a bucket with models, rows, and transforms by boto3."""

import io
import tarfile

import numpy as np

from tests.main_job import ROLE, MainJob, wait_until

GROUP = "/aws/sagemaker/TransformJobs"
ENDED = ("Completed", "Failed", "Stopped")
JSON_LINES = "application/jsonlines"


class TransformDesk(MainJob):
    """A bucket with models, and what is transformed with them."""

    def register(self, name, image, files, **container):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for path in files:
                tar.add(path, path.name)
        self.put(f"models/{name}.tar.gz", archive.getvalue())
        data = f"s3://{self.bucket}/models/{name}.tar.gz"
        container = {"Image": image, "ModelDataUrl": data, **container}
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)

    def begin(self, name, prefix, *, model="xgb", output=None, kind="S3Prefix", count=1, processing=None, **changes):
        given = changes.pop("given", {"ContentType": "text/csv", "SplitType": "Line"})
        source = {"S3DataSource": {"S3DataType": kind, "S3Uri": f"s3://{self.bucket}/{prefix}"}}
        output = {"Accept": "text/csv", "AssembleWith": "Line"} if output is None else output
        if processing:
            changes["DataProcessing"] = processing
        self.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=model,
            TransformInput={"DataSource": source, **given},
            TransformOutput={"S3OutputPath": f"s3://{self.bucket}/out/{name}", **output},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": count},
            **changes,
        )

    def description(self, name):
        return self.sagemaker.describe_transform_job(TransformJobName=name)

    def finish(self, name):
        def ended():
            found = self.description(name)
            return found if found["TransformJobStatus"] in ENDED else None

        return wait_until(ended, f"{name} never ended")

    def transform(self, name, prefix, **options):
        """The job's end and its outputs by key."""
        self.begin(name, prefix, **options)
        return self.finish(name), self.outputs(name)

    def outputs(self, name):
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"out/{name}/").get("Contents", [])
        return {
            item["Key"].removeprefix(f"out/{name}/"): self.s3.get_object(Bucket=self.bucket, Key=item["Key"])[
                "Body"
            ].read()
            for item in found
        }

    def log_of(self, name):
        """The lines of each stream of a job."""
        logs = self.client("logs")
        streams = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
        return {
            stream["logStreamName"]: [
                event["message"]
                for event in logs.get_log_events(
                    logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
            for stream in streams
        }

    def data_log(self, name):
        return [line for stream, lines in self.log_of(name).items() if stream.endswith("/data-log") for line in lines]


ROWS = np.random.default_rng(0).normal(size=(300, 3)).round(3)
IDS = np.arange(len(ROWS))
PLAIN = "".join(f"{','.join(map(str, row))}\n" for row in ROWS.tolist()).encode()
WITH_IDS = "".join(f"{number},{','.join(map(str, row))}\n" for number, row in enumerate(ROWS.tolist())).encode()


def as_lines(output):
    return output.decode().split("\n")[:-1]
