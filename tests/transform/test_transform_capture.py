"""Data capture of batch transforms: ids behind the records, manifests of what went in and came out."""

import json
import re
from datetime import UTC, datetime

import msgspec

from clary.transform.capture import append_to_records, append_to_rows, manifests
from clary.transform.plan import Object
from tests.transform.test_filters_and_joins import processing
from tests.transform.transform_desk import PLAIN, as_lines

START = datetime(2022, 8, 30, 0, 49, 15, tzinfo=UTC)
ID = "[0-9a-f-]{36}"


def test_rows_end_with_an_id_and_the_time() -> None:
    found = append_to_rows(b"0,1\n1,2", START).decode()
    assert re.fullmatch(f"0,1,({ID}),2022-08-30T00:49:15Z\n1,2,({ID}),2022-08-30T00:49:15Z\n", found)
    assert len(set(re.findall(ID, found))) == 2


def test_records_get_them_as_members() -> None:
    first, second = append_to_records([{"output": 0}, 1], START)
    assert list(first) == ["output", "SageMakerInferenceId", "SageMakerInferenceTime"]
    assert first["SageMakerInferenceTime"] == "2022-08-30T00:49:15Z"
    assert second["SageMakerOutput"] == 1


def test_where_manifests_lie() -> None:
    spec = msgspec.structs.replace(processing("csv")._spec, capture_uri="s3://b/c/")
    objects = [Object(name="b/in/x/1.csv", key="x/1.csv.out"), Object(name="b/in/x/2.csv", key="x/2.csv.out")]
    found = manifests(spec, objects, START)
    assert {uri: json.loads(content) for uri, content in found.items()} == {
        "s3://b/c/input/2022/08/30/00/job.jsonl": [{"prefix": "s3://b/in/x/"}, "1.csv", "2.csv"],
        "s3://b/c/output/2022/08/30/00/job.jsonl": [{"prefix": "s3://b/out/"}, "x/1.csv.out", "x/2.csv.out"],
    }


def test_a_transform_that_captures(desk, expected) -> None:
    desk.put("captured-in/a.csv", PLAIN)
    capture = {"DestinationS3Uri": f"s3://{desk.bucket}/captured", "GenerateInferenceId": True}
    job, outputs = desk.transform("tr-captured", "captured-in/", DataCaptureConfig=capture)
    assert job["TransformJobStatus"] == "Completed"
    assert job["DataCaptureConfig"] == capture
    rows = [line.rsplit(",", 2) for line in as_lines(outputs["a.csv.out"])]
    assert [row[0] for row in rows] == expected
    assert len({row[1] for row in rows}) == len(rows)
    [time] = {row[2] for row in rows}
    assert abs(datetime.fromisoformat(time).timestamp() - job["TransformStartTime"].timestamp()) < 60
    for side, listed in (("input", "a.csv"), ("output", "a.csv.out")):
        prefix = f"captured/{side}/{time[:13].replace('-', '/').replace('T', '/')}/"
        [item] = desk.s3.list_objects_v2(Bucket=desk.bucket, Prefix=prefix)["Contents"]
        manifest = json.loads(desk.s3.get_object(Bucket=desk.bucket, Key=item["Key"])["Body"].read())
        assert manifest[1:] == [listed]
