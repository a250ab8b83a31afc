"""Consumer records on their way from a stream to a model: Kinesis, Firehose, Lambda, Parquet, Glue, Athena, XGBoost.

    python examples/demographics.py [RECORDS]

JSON records are put to a stream. Firehose lets a Lambda function drop those without consent and refuse the broken ones,
and writes the others as Parquet by the schema of a Glue table. A crawler finds the partitions, Athena counts and makes
training data, and XGBoost learns from them who buys. First: eval "$(clary env)".
"""

import io
import json
import os
import random
import sys
import time
import zipfile

import boto3

RECORDS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
ROLE = os.environ["SAGEMAKER_ROLE_ARN"]
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
NAME = f"demographics-{time.strftime('%Y%m%d-%H%M%S')}"
DATABASE = NAME.replace("-", "_")
REGIONS = ("north", "south", "east", "west")
COLUMNS = {
    "consumer_id": "bigint",
    "age": "int",
    "income": "double",
    "household": "struct<adults:int,children:int>",
    "region": "string",
    "bought": "boolean",
    "seen_at": "timestamp",
}

HANDLER = '''
import base64, json

def handler(event, context):
    """Keep who consented; an age that is no number is a record that nobody can use."""
    answers = []
    for record in event["records"]:
        consumer = json.loads(base64.b64decode(record["data"]))
        answer = {"recordId": record["recordId"], "result": "Ok", "data": record["data"]}
        if not consumer.pop("consent"):
            answer["result"] = "Dropped"
        elif not isinstance(consumer["age"], int):
            answer["result"] = "ProcessingFailed"
        else:
            consumer["region"] = consumer["region"].strip().lower()
            answer["data"] = base64.b64encode(json.dumps(consumer).encode()).decode()
        answers.append(answer)
    return {"records": answers}
'''

s3, kinesis, firehose, functions, glue, athena, sagemaker = map(
    boto3.client, ("s3", "kinesis", "firehose", "lambda", "glue", "athena", "sagemaker")
)


def until(done, what, seconds=300):
    """What `done` finds at last."""
    end = time.time() + seconds
    while not (found := done()):
        if time.time() > end:
            raise SystemExit(f"{what} took longer than {seconds} s")
        time.sleep(0.2)
    return found


def consumer(number, chance):
    """One record: of a hundred, five without consent and one with a broken age."""
    age, income = chance.randint(18, 90), round(chance.lognormvariate(10.4, 0.5), 2)
    adults, children = chance.randint(1, 4), chance.randint(0, 4)
    bought = chance.random() < 1 / (1 + 2.718 ** -((income - 33_000) / 12_000 + children - (age - 40) / 15 - 1))
    return {
        "consumer_id": number,
        "age": age if number % 100 else f"about {age}",
        "income": income,
        "household": {"adults": adults, "children": children},
        "region": f" {chance.choice(REGIONS).title()}",
        "bought": bought,
        "seen_at": f"2026-11-{1 + number % 30:02d} 12:{number % 60:02d}:00",
        "consent": number % 20 != 1,
    }


def make_function():
    """The function that looks at each record."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("consent.py", HANDLER)
    made = functions.create_function(
        FunctionName=NAME,
        Runtime="python3.11",
        Role=ROLE,
        Handler="consent.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=60,
        MemorySize=256,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
    return made["FunctionArn"]


def make_table():
    """The table whose schema the Parquet files get; its partitions are found by the crawler later."""
    serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    glue.create_database(DatabaseInput={"Name": DATABASE})
    glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": "consumers",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "parquet"},
            "PartitionKeys": [{"Name": "day", "Type": "string"}],
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()],
                "Location": f"s3://{NAME}/consumers/",
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                "SerdeInfo": {"SerializationLibrary": serde},
            },
        },
    )


def make_delivery(stream, function):
    """From the stream through the function into Parquet."""
    schema = {"DatabaseName": DATABASE, "TableName": "consumers", "RoleARN": ROLE, "Region": "us-east-1"}
    parameters = {"LambdaArn": function, "BufferIntervalInSeconds": "1"}
    processor = {
        "Type": "Lambda",
        "Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()],
    }
    firehose.create_delivery_stream(
        DeliveryStreamName=NAME,
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": stream, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{NAME}",
            "RoleARN": ROLE,
            "Prefix": "consumers/day=!{timestamp:yyyy-MM-dd}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 5},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [processor]},
            "DataFormatConversionConfiguration": {
                "Enabled": True,
                "SchemaConfiguration": schema,
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
            },
        },
    )
    until(lambda: status_of_delivery() == "ACTIVE", "making the delivery stream")


def status_of_delivery():
    return firehose.describe_delivery_stream(DeliveryStreamName=NAME)["DeliveryStreamDescription"][
        "DeliveryStreamStatus"
    ]


def put(records):
    """All records, 500 at a time; what a shard throttles is put again."""
    chance, waiting = random.Random(2026), []
    for number in range(records):
        waiting.append({"Data": json.dumps(consumer(number, chance)).encode(), "PartitionKey": str(number)})
        while len(waiting) == 500 or (waiting and number == records - 1):
            answer = kinesis.put_records(StreamName=NAME, Records=waiting)
            rows = zip(waiting, answer["Records"], strict=True)
            waiting = [record for record, row in rows if "ErrorCode" in row]


def query(text):
    """The rows of an answer, and what was scanned for it."""
    started = athena.start_query_execution(
        QueryString=text,
        QueryExecutionContext={"Database": DATABASE},
        ResultConfiguration={"OutputLocation": f"s3://{NAME}/answers/"},
    )["QueryExecutionId"]

    def ended():
        found = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
        return found if found["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    found = until(ended, "a query")
    if found["Status"]["State"] != "SUCCEEDED":
        raise SystemExit(found["Status"]["StateChangeReason"])
    answer = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    rows = [[cell.get("VarCharValue") for cell in row["Data"]] for row in answer]
    return rows[1:], found["Statistics"]["DataScannedInBytes"]


def delivered():
    """How many records have come through, as the catalogue's partitions tell once the crawler has run."""
    glue.start_crawler(Name=NAME)
    until(lambda: glue.get_crawler(Name=NAME)["Crawler"]["State"] == "READY", "the crawler")
    crawl = glue.get_crawler(Name=NAME)["Crawler"]["LastCrawl"]
    if crawl["Status"] != "SUCCEEDED":
        raise SystemExit(crawl)
    [[count]], _ = query("SELECT count(*) FROM consumers")
    return int(count) == kept and int(count)


def lines_below(prefix):
    """The lines of all objects below a prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix=prefix):
        for item in page.get("Contents", []):
            yield from s3.get_object(Bucket=NAME, Key=item["Key"])["Body"].read().splitlines()


s3.create_bucket(Bucket=NAME)
kinesis.create_stream(StreamName=NAME, StreamModeDetails={"StreamMode": "ON_DEMAND"})
kinesis.get_waiter("stream_exists").wait(StreamName=NAME, WaiterConfig={"Delay": 1})
stream = kinesis.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]["StreamARN"]
make_table()
make_delivery(stream, make_function())
glue.create_crawler(
    Name=NAME,
    Role=ROLE,
    DatabaseName=DATABASE,
    Targets={"S3Targets": [{"Path": f"s3://{NAME}/consumers/"}]},
    SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
)

started = time.time()
put(RECORDS)
print(f"{RECORDS} records put in {time.time() - started:.1f} s")
dropped = sum(number % 20 == 1 for number in range(RECORDS))
broken = sum(number % 100 == 0 for number in range(RECORDS))
kept = RECORDS - dropped - broken
until(delivered, "the delivery")
refused = [json.loads(line) for line in lines_below("errors/processing-failed/")]
print(f"{kept} delivered, {dropped} dropped, {len(refused)} refused, in {time.time() - started:.1f} s")

answer, scanned = query(
    "SELECT region, count(*) AS consumers, round(avg(income)) AS income, count_if(bought) AS buyers"
    " FROM consumers GROUP BY region ORDER BY region"
)
print(f"{scanned} bytes scanned")
for row in answer:
    print("  ", *row)

# The label first, then numbers: what XGBoost takes. Every fifth consumer is held out.
for name, condition in (("train", "<> 0"), ("validation", "= 0")):
    query(
        f"CREATE TABLE {name} WITH (format = 'PARQUET', external_location = 's3://{NAME}/{name}/') AS "
        "SELECT CAST(bought AS integer) AS bought, age, income, household.adults AS adults,"
        f" household.children AS children FROM consumers WHERE consumer_id % 5 {condition}"
    )
sagemaker.create_training_job(
    TrainingJobName=NAME,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    RoleArn=ROLE,
    HyperParameters={"objective": "binary:logistic", "num_round": "50", "eval_metric": "auc"},
    InputDataConfig=[
        {
            "ChannelName": name,
            "ContentType": "application/x-parquet",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{NAME}/{name}/"}},
        }
        for name in ("train", "validation")
    ],
    OutputDataConfig={"S3OutputPath": f"s3://{NAME}/output"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME, WaiterConfig={"Delay": 1})
job = sagemaker.describe_training_job(TrainingJobName=NAME)
print(job["TrainingJobStatus"], {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]})
