"""Processing jobs through boto3 on a real server: a script and data in, outputs, message and log out."""

import time

import pytest

from tests.main_job import KMEANS, ROLE, MainJob, wait_until

GROUP = "/aws/sagemaker/ProcessingJobs"
ENDED = ("Completed", "Failed", "Stopped")
SCRIPT = """
import argparse, boto3
parser = argparse.ArgumentParser()
parser.add_argument("--ratio", type=float)
parser.add_argument("bucket")
given = parser.parse_args()
rows = open("/opt/ml/processing/input/data/rows.csv").read().splitlines()
split = int(len(rows) * given.ratio)
for name, part in (("train", rows[:split]), ("test", rows[split:])):
    open(f"/opt/ml/processing/{name}/part.csv", "w").write("\\n".join(part))
boto3.client("s3").head_bucket(Bucket=given.bucket)
"""


class ProcessingDesk(MainJob):
    """A bucket with scripts, and what they make."""

    def begin(self, name, script, *arguments, inputs=(), outputs=("out",), mode="EndOfJob", count=1, **changes):
        """Start a script on folders of the bucket; each output goes to out/<job>/<output>."""
        self.put(f"code/{name}/run.py", script)
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}
        folders = {"code": f"code/{name}/run.py", **{folder: f"{folder}/" for folder in inputs}}
        self.sagemaker.create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={
                "ImageUri": KMEANS,
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
                **({"ContainerArguments": list(arguments)} if arguments else {}),
            },
            ProcessingResources={"ClusterConfig": cluster},
            ProcessingInputs=[
                {
                    "InputName": folder,
                    "S3Input": {
                        "S3Uri": f"s3://{self.bucket}/{key}",
                        "LocalPath": f"/opt/ml/processing/input/{folder}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for folder, key in folders.items()
            ],
            ProcessingOutputConfig={
                "Outputs": [
                    {
                        "OutputName": output,
                        "S3Output": {
                            "S3Uri": f"s3://{self.bucket}/out/{name}/{output}",
                            "LocalPath": f"/opt/ml/processing/{output}",
                            "S3UploadMode": mode,
                        },
                    }
                    for output in outputs
                ]
            },
            **changes,
        )

    def description(self, name):
        return self.sagemaker.describe_processing_job(ProcessingJobName=name)

    def finish(self, name):
        def ended():
            found = self.description(name)
            return found if found["ProcessingJobStatus"] in ENDED else None

        return wait_until(ended, f"{name} never ended")

    def process(self, name, script, *arguments, **options):
        self.begin(name, script, *arguments, **options)
        return self.finish(name)

    def outputs(self, name):
        """What a job left, by the keys below out/<job>."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"out/{name}/").get("Contents", [])
        objects = {row["Key"]: self.s3.get_object(Bucket=self.bucket, Key=row["Key"]) for row in found}
        return {key.removeprefix(f"out/{name}/"): answer["Body"].read() for key, answer in objects.items()}

    def lines(self, name):
        """All that a job printed so far."""
        logs = self.client("logs")
        found = logs.get_paginator("filter_log_events").paginate(
            logGroupName=GROUP, logStreamNamePrefix=f"{name}/algo-1-"
        )
        try:
            return [event["message"] for page in found for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:  # nothing was ever printed
            return []


@pytest.fixture(scope="module")
def desk(aws):
    desk = ProcessingDesk(aws, "processing-jobs")
    desk.s3.create_bucket(Bucket=desk.bucket)
    desk.put("data/rows.csv", "".join(f"{number}\n" for number in range(10)))
    return desk


def test_a_script_splits_data(desk):
    desk.begin("Split", SCRIPT, "--ratio", "0.8", desk.bucket, inputs=["data"], outputs=["train", "test"])
    waiter = desk.sagemaker.get_waiter("processing_job_completed_or_stopped")
    before = time.monotonic()
    waiter.wait(ProcessingJobName="Split", WaiterConfig={"Delay": 60, "MaxAttempts": 1})
    assert time.monotonic() - before < 45, "its first look was not held"
    job = desk.description("Split")
    assert (job["ProcessingJobStatus"], "FailureReason" in job) == ("Completed", False)
    assert job["ProcessingJobArn"].endswith(":processing-job/split")
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"] <= job["LastModifiedTime"]
    assert desk.outputs("Split") == {"train/part.csv": b"0\n1\n2\n3\n4\n5\n6\n7", "test/part.csv": b"8\n9"}


def test_a_script_that_fails_says_so_and_shows_its_traceback(desk):
    script = "open('/opt/ml/output/message', 'w').write('no')\nraise ValueError('the column is missing')"
    job = desk.process("breaks", script)
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 1")
    assert job["ExitMessage"] == "no"
    assert desk.lines("breaks")[-1] == "ValueError: the column is missing"


def test_a_script_without_outputs_is_complete(desk):
    job = desk.process("nothing", "", outputs=[])
    assert (job["ProcessingJobStatus"], desk.outputs("nothing")) == ("Completed", {})


def test_inputs_that_are_not_there_fail_the_job(desk):
    job = desk.process("missing", "", inputs=["nowhere"])
    assert job["ProcessingJobStatus"] == "Failed"
    assert 'No S3 objects found under S3 URL "s3://processing-jobs/nowhere/"' in job["FailureReason"]


def test_a_continuous_output_grows_and_a_stop_keeps_it(desk):
    script = """
import signal, sys, time
def end(*_):
    open("/opt/ml/processing/out/last", "w").write("stopped")
    sys.exit()
signal.signal(signal.SIGTERM, end)
for number in range(1000):
    open(f"/opt/ml/processing/out/{number:03}", "w").write(str(number))
    time.sleep(0.2)
"""
    desk.begin("grows", script, mode="Continuous")
    wait_until(lambda: len(desk.outputs("grows")) > 2, "nothing was uploaded")
    assert desk.description("grows")["ProcessingJobStatus"] == "InProgress"
    desk.sagemaker.stop_processing_job(ProcessingJobName="grows")
    assert desk.finish("grows")["ProcessingJobStatus"] == "Stopped"
    found = desk.outputs("grows")
    assert found.pop("out/last") == b"stopped"
    assert found == {f"out/{number:03}": str(number).encode() for number in range(len(found))}


def test_an_isolated_job_reaches_nothing(desk):
    script = """
import os, urllib.request
assert "AWS_ENDPOINT_URL" not in os.environ and "AWS_ACCESS_KEY_ID" not in os.environ
try:
    urllib.request.urlopen(URL, timeout=5)
except OSError as problem:
    print(problem)
"""
    script = script.replace("URL,", f"{desk.s3.meta.endpoint_url!r},")
    job = desk.process("alone", script, NetworkConfig={"EnableNetworkIsolation": True})
    assert job["ProcessingJobStatus"] == "Completed"
    assert "refused" in desk.lines("alone")[-1]


def test_a_job_is_listed_tagged_and_deleted(desk):
    job = desk.process("listed", "", Tags=[{"Key": "team", "Value": "red"}])
    found = desk.sagemaker.list_processing_jobs(NameContains="LISTED", SortBy="Name")["ProcessingJobSummaries"]
    assert [(row["ProcessingJobName"], row["ProcessingJobStatus"]) for row in found] == [("listed", "Completed")]
    assert desk.sagemaker.list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"] == [{"Key": "team", "Value": "red"}]
    desk.sagemaker.delete_processing_job(ProcessingJobName="listed")
    with pytest.raises(desk.sagemaker.exceptions.ClientError, match="Could not find requested job with name: listed"):
        desk.description("listed")
