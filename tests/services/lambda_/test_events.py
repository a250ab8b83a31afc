"""Asynchronous events: durable, tried again, and told to destinations."""

import json
from itertools import count

import pytest

from clary.services.lambda_ import asynchronous, inside
from tests.main_job import wait_until

_names = count()


@pytest.fixture
def bucket(aws):
    name = f"lambda-events-{next(_names)}"
    aws("s3").create_bucket(Bucket=name)
    return name


WRITER = """
    import boto3, json
    def handler(event, context):
        body = json.dumps({"event": event, "id": context.aws_request_id})
        boto3.client("s3").put_object(Bucket=event["bucket"], Key=context.aws_request_id, Body=body)
"""


def objects(aws, bucket):
    s3 = aws("s3")
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}


def test_an_event_is_handled_later(make_function, aws, bucket):
    function = make_function(WRITER, Timeout=30)
    answer = function.invoke({"bucket": bucket}, InvocationType="Event")
    assert (answer["StatusCode"], answer["Payload"]) == (202, None)
    found = wait_until(lambda: objects(aws, bucket))
    request = answer["ResponseMetadata"]["RequestId"]
    assert found == {request: {"event": {"bucket": bucket}, "id": request}}


def test_what_a_put_object_notifies_invokes_the_function(make_function, aws, bucket):
    function = make_function(
        """
        import boto3
        def handler(event, context):
            (record,) = event["Records"]
            bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
            body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            boto3.client("s3").put_object(Bucket=bucket, Key="out/" + key, Body=body.upper())
    """,
        Timeout=30,
    )
    rule = {"LambdaFunctionArn": function.arn, "Events": ["s3:ObjectCreated:*"]}
    rule["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}
    s3 = aws("s3")
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
    )
    s3.put_object(Bucket=bucket, Key="in/a.txt", Body=b"belt")
    keys = wait_until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="out/").get("Contents"))
    assert s3.get_object(Bucket=bucket, Key=keys[0]["Key"])["Body"].read() == b"BELT"


def test_a_failing_event_is_tried_three_times_and_told_to_a_bucket(make_function, client, aws, bucket, server):
    function = make_function("def handler(event, context): raise ValueError('no')")
    target = {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}}
    client.put_function_event_invoke_config(FunctionName=function.name, DestinationConfig=target)
    request = function.invoke({"a": 1}, InvocationType="Event")["ResponseMetadata"]["RequestId"]
    rooms = server.house.rooms
    key = asynchronous.Key(asynchronous.EVENT_KIND, "000000000000", "us-east-1", request)
    first = wait_until(lambda: (found := rooms.records.get(key)) and found.body["Failures"] == 1 and found)
    assert first.body["Due"] - first.modified == pytest.approx(60, abs=1)
    assert asynchronous.attempt(rooms, key) - rooms.clock.now() == pytest.approx(120, abs=1)
    assert asynchronous.attempt(rooms, key) is None
    assert rooms.records.get(key) is None
    ((name, told),) = objects(aws, bucket).items()
    assert name.startswith(f"aws/lambda/async/{function.name}/20")
    assert told.pop("timestamp")
    assert told == {
        "version": "1.0",
        "requestContext": {
            "requestId": request,
            "functionArn": f"{function.arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {
            "errorMessage": "no",
            "errorType": "ValueError",
            "requestId": request,
            "stackTrace": told["responsePayload"]["stackTrace"],
        },
    }


def test_a_success_is_told_to_another_function(make_function, client, aws, bucket):
    listener = make_function(
        """
        import boto3, json
        def handler(event, context):
            bucket = event["requestPayload"]["bucket"]
            boto3.client("s3").put_object(Bucket=bucket, Key="told", Body=json.dumps(event))
    """,
        Timeout=30,
    )
    function = make_function("def handler(event, context): return [1, 2]")
    target = {"OnSuccess": {"Destination": listener.arn}}
    client.put_function_event_invoke_config(FunctionName=function.name, DestinationConfig=target)
    function.invoke({"bucket": bucket}, InvocationType="Event")
    told = wait_until(lambda: objects(aws, bucket))["told"]
    assert told["requestContext"]["condition"] == "Success"
    assert (told["responsePayload"], told["responseContext"]["statusCode"]) == ([1, 2], 200)


def test_settings_of_events_are_put_changed_listed_and_deleted(make_function, client, refused):
    function = make_function()
    name = {"FunctionName": function.name}
    assert refused("get_function_event_invoke_config", **name)[1] == (
        f"The function {function.arn}:$LATEST doesn't have an EventInvokeConfig"
    )
    assert refused("put_function_event_invoke_config", **name)[1].startswith("You must specify at least one")
    put = client.put_function_event_invoke_config(**name, MaximumEventAgeInSeconds=60)
    assert put["FunctionArn"] == f"{function.arn}:$LATEST"
    assert put["DestinationConfig"] == {"OnFailure": {}, "OnSuccess": {}}
    changed = client.update_function_event_invoke_config(**name, MaximumRetryAttempts=1)
    assert (changed["MaximumEventAgeInSeconds"], changed["MaximumRetryAttempts"]) == (60, 1)
    (listed,) = client.list_function_event_invoke_configs(**name)["FunctionEventInvokeConfigs"]
    assert listed["MaximumRetryAttempts"] == 1
    client.publish_version(**name)
    client.put_function_event_invoke_config(**name, Qualifier="1", MaximumRetryAttempts=0)
    pages = [client.list_function_event_invoke_configs(**name, MaxItems=1)]
    pages.append(client.list_function_event_invoke_configs(**name, MaxItems=1, Marker=pages[0]["NextMarker"]))
    rows = [row for page in pages for row in page["FunctionEventInvokeConfigs"]]
    assert sorted(row["MaximumRetryAttempts"] for row in rows) == [0, 1]
    assert "NextMarker" not in pages[1]
    for arn, told in (
        (function.arn, "You can't specify the function as a destination for itself."),
        (function.arn + "x", f"The destination ARN {function.arn}x is invalid."),
        ("arn:aws:s3:::nobodys", "The destination ARN arn:aws:s3:::nobodys is invalid."),
        ("arn:aws:sqs:us-east-1:000000000000:q", "Clary's destinations here are functions and buckets."),
    ):
        config = {"OnFailure": {"Destination": arn}}
        assert told in refused("put_function_event_invoke_config", **name, DestinationConfig=config)[1]
    client.delete_function_event_invoke_config(**name)
    assert refused("delete_function_event_invoke_config", **name)[0] == "ResourceNotFoundException"


def test_other_services_invoke_by_functions(make_function, server):
    function, rooms, scope = make_function(), server.house.rooms, ("000000000000", "us-east-1")
    found = inside.invoke(rooms, scope, function.arn, b'{"a": 1}')
    assert (json.loads(found.payload), found.error, found.version) == ({"a": 1}, "", "$LATEST")
    inside.check(rooms, function.arn)
    for wrong in (function.arn + "x", "arn:aws:s3:::bucket"):
        with pytest.raises(inside.ResourceNotFoundException):
            inside.check(rooms, wrong)
