"""Conveyor belts: what they measure goes from a Kinesis stream through Firehose into one folder of S3 a building.

    python examples/conveyor_belts.py

Each object that Firehose writes invokes a function, which looks for belts that are too hot. First: eval "$(clary env)".
"""

import io
import json
import random
import time
import zipfile

import boto3

ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
BELTS, BUILDINGS, MEASUREMENTS = 60, 3, 3000
FUNCTION = """
import json
import boto3

def handler(event, context):
    s3 = boto3.client("s3")
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"].replace("%3D", "=")
        rows = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
        hot = sorted({row["belt_id"] for row in rows if row["belt_temp"] > 78.0})
        report = {"building": rows[0]["building_number"], "rows": len(rows), "hot": hot}
        s3.put_object(Bucket=bucket, Key=f"reports/{key.rpartition('/')[2]}.json", Body=json.dumps(report))
"""

kinesis, firehose, s3, functions = (boto3.client(name) for name in ("kinesis", "firehose", "s3", "lambda"))
name = f"belts-{int(time.time())}"


def create_function():
    """A function of FUNCTION's code; its ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", FUNCTION)
    return functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
    )["FunctionArn"]


def processor(kind, **parameters):
    """One processor of a delivery stream."""
    rows = [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]
    return {"Type": kind, "Parameters": rows}


def create_way():
    """The stream, the bucket, the function, and the delivery stream between them."""
    kinesis.create_stream(StreamName=name, ShardCount=2)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    s3.create_bucket(Bucket=name)
    rules = [{"Name": "prefix", "Value": "belts/"}]
    trigger = {
        "LambdaFunctionArn": create_function(),
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"LambdaFunctionConfigurations": [trigger]}
    )
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{name}",
            "Prefix": "belts/building=!{partitionKeyFromQuery:building}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1},
            "DynamicPartitioningConfiguration": {"Enabled": True},
            "ProcessingConfiguration": {
                "Enabled": True,
                "Processors": [
                    processor(
                        "MetadataExtraction",
                        MetadataExtractionQuery="{building: .building_number}",
                        JsonParsingEngine="JQ-1.6",
                    ),
                    processor("AppendDelimiterToRecord", Delimiter="\\n"),
                ],
            },
        },
    )


def measure(chance):
    """What the belts tell, in the order in which they tell it: belt 7 runs hot."""
    for number in range(MEASUREMENTS):
        belt = number % BELTS
        outside = 15 + 10 * chance.random()
        heat = 60 if belt == 7 else 30
        row = {
            "belt_id": belt,
            "building_number": belt % BUILDINGS + 1,
            "belt_temp": round(outside + heat + 5 * chance.random(), 2),
            "outside_temp": round(outside, 2),
            "power_consumption": round(400 + 200 * chance.random(), 1),
        }
        yield {"PartitionKey": str(belt), "Data": json.dumps(row)}


def reports():
    """What the function found so far, object by object."""
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=name, Prefix="reports/").get("Contents", [])]
    return [json.loads(s3.get_object(Bucket=name, Key=key)["Body"].read()) for key in keys]


create_way()
waiting = list(measure(random.Random(1)))
while waiting:
    batch, waiting = waiting[:500], waiting[500:]
    rows = kinesis.put_records(StreamName=name, Records=batch)["Records"]
    waiting += [record for record, row in zip(batch, rows, strict=True) if "ErrorCode" in row]  # a shard was too busy
found = reports()
while sum(report["rows"] for report in found) < MEASUREMENTS:
    time.sleep(0.2)
    found = reports()

for building in range(1, BUILDINGS + 1):
    mine = [report for report in found if report["building"] == building]
    hot = sorted({belt for report in mine for belt in report["hot"]})
    print(f"building {building}: {sum(report['rows'] for report in mine)} measurements, too hot: {hot or 'none'}")
firehose.delete_delivery_stream(DeliveryStreamName=name)
kinesis.delete_stream(StreamName=name)
functions.delete_function(FunctionName=name)
