"""Invoke: what a handler is given, and what comes back."""

import base64
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from function_helpers import ROLE, zipped

from clary.config import Settings
from clary.sandbox import WarmParent
from clary.services.lambda_ import store_measurements
from tests.conftest import running
from tests.main_job import wait_until


def test_a_handler_answers_and_the_worker_stays_warm(make_function):
    function = make_function("""
        count = 0
        def handler(event, context):
            global count
            count += 1
            return {"event": event, "count": count}
    """)
    assert function.call({"a": "ä"}) == {"event": {"a": "ä"}, "count": 1}
    answer = function.invoke([1, None, 2.5])
    assert answer["Payload"] == {"event": [1, None, 2.5], "count": 2}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")


def test_the_context_and_the_environment_are_lambdas(make_function, server):
    function = make_function(
        """
        import os
        def handler(event, context):
            names = "aws_request_id function_name function_version invoked_function_arn memory_limit_in_mb"
            names += " log_group_name log_stream_name"
            found = {name: getattr(context, name) for name in names.split()}
            found["remaining"] = context.get_remaining_time_in_millis()
            found["identity"] = context.identity.cognito_identity_id
            found["custom"] = context.client_context.custom
            found["app"] = context.client_context.client.app_title
            found["environment"] = dict(os.environ)
            found["here"] = os.getcwd()
            return found
        """,
        Environment={"Variables": {"COLOUR": "blue"}},
        Timeout=9,
    )
    context = {"custom": {"a": 1}, "client": {"app_title": "title"}}
    answer = function.invoke(ClientContext=base64.b64encode(json.dumps(context).encode()).decode())
    found = answer["Payload"]
    assert found["aws_request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert (found["function_name"], found["function_version"]) == (function.name, "$LATEST")
    assert found["invoked_function_arn"] == function.arn
    assert (found["memory_limit_in_mb"], found["log_group_name"]) == ("128", f"/aws/lambda/{function.name}")
    assert 0 < found["remaining"] <= 9000
    assert (found["identity"], found["custom"], found["app"]) == (None, {"a": 1}, "title")
    environment = found["environment"]
    assert environment["COLOUR"] == "blue"
    assert environment["AWS_ENDPOINT_URL"] == server.url
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert environment["_HANDLER"] == "index.handler"
    assert environment["TZ"] == ":UTC"
    assert found["here"] == "/var/task" == environment["LAMBDA_TASK_ROOT"]


def test_boto3_in_a_handler_comes_back_as_the_functions_role(make_function, aws):
    function = make_function(
        """
        import boto3
        def handler(event, context):
            return boto3.client("sts").get_caller_identity()["Arn"]
    """,
        Timeout=30,
    )
    arn = function.call()
    assert arn == f"arn:aws:sts::000000000000:assumed-role/ClaryExecutionRole/{function.name}"


def test_an_exception_comes_back_as_the_runtime_words_it(make_function):
    function = make_function("""
        class Mine(Exception): pass
        def handler(event, context):
            raise Mine("it broke")
    """)
    answer = function.invoke()
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"] == {
        "errorMessage": "it broke",
        "errorType": "Mine",
        "requestId": answer["ResponseMetadata"]["RequestId"],
        "stackTrace": ['  File "/var/task/index.py", line 4, in handler\n    raise Mine("it broke")\n'],
    }
    assert function.invoke()["Payload"]["errorType"] == "Mine"  # the worker is still good


def test_what_can_not_be_loaded_is_named(make_function):
    def failure(source, handler="index.handler"):
        answer = make_function(source, Handler=handler).invoke()
        assert answer["FunctionError"] == "Unhandled"
        return answer["Payload"]["errorType"], answer["Payload"]["errorMessage"]

    kind, message = failure("import nothing_of_this_name")
    assert kind == "Runtime.ImportModuleError"
    assert message == "Unable to import module 'index': No module named 'nothing_of_this_name'"
    assert failure("", "index.other") == ("Runtime.HandlerNotFound", "Handler 'other' missing on module 'index'")
    assert failure("", "index")[0] == "Runtime.MalformedHandlerName"
    assert failure("def handler(:")[0] == "Runtime.UserCodeSyntaxError"
    assert failure("raise Exception('at start')") == ("Exception", "at start")


def test_handlers_that_do_not_come_back(make_function):
    function = make_function("while_true = 1\ndef handler(event, context):\n    while True: pass", Timeout=1)
    answer = function.invoke()
    request = answer["ResponseMetadata"]["RequestId"]
    assert answer["Payload"] == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request} Error: Task timed out after 1.00 seconds",
    }
    function = make_function("import os\ndef handler(event, context): os._exit(event)")
    for status, told in (
        (0, "Runtime exited without providing a reason"),
        (3, "Runtime exited with error: exit status 3"),
    ):
        answer = function.invoke(status)
        assert answer["Payload"]["errorType"] == "Runtime.ExitError"
        assert answer["Payload"]["errorMessage"].endswith(f"Error: {told}")
    function = make_function("def handler(event, context): return len(bytearray(event << 20))")
    answer = function.invoke(500)
    assert answer["Payload"]["errorType"] == "Runtime.OutOfMemory"
    assert answer["Payload"]["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert function.call(1) == 1 << 20


def test_answers_that_can_not_be_sent(make_function):
    function = make_function("def handler(event, context): return {1, 2} if event else 'x' * (6 << 20)")
    answer = function.invoke(1)["Payload"]
    assert answer["errorType"] == "Runtime.MarshalError"
    assert answer["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"
    assert len(function.call(0)) == 6 << 20
    function = make_function("def handler(event, context): return 'x' * (6 << 20) + 'x' * 200")
    answer = function.invoke()["Payload"]
    assert answer["errorType"] == "Function.ResponseSizeTooLarge"
    assert answer["errorMessage"] == "Response payload size exceeded maximum allowed payload size (6291556 bytes)."


def test_payloads_that_are_refused(make_function, refused, client):
    function = make_function()
    code, message = refused("invoke", FunctionName=function.name, Payload=b"{")
    assert code == "InvalidRequestContentException"
    assert message.startswith("Could not parse request body into json: ")
    assert refused("invoke", FunctionName=function.name, Payload=b"[" * 5000)[0] == "InvalidRequestContentException"
    code, message = refused("invoke", FunctionName=function.name, Payload=b'"%s"' % (b"x" * 6_291_456))
    assert (code, message) == (
        "RequestTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )
    assert client.invoke(FunctionName=function.name)["Payload"].read() == b"{}"
    assert function.invoke(InvocationType="DryRun")["StatusCode"] == 204
    code, message = refused("invoke", FunctionName="nobody")
    assert code == "ResourceNotFoundException"
    assert message == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"


def test_what_a_handler_prints_goes_to_its_log_and_the_tail_to_the_caller(make_function, aws, server):
    function = make_function("""
        import logging, sys
        def handler(event, context):
            print("one\\ntwo")
            sys.stderr.write("three\\n")
            logging.getLogger().warning("four\\nfive")
            raise ValueError("six")
    """)
    answer = function.invoke(LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    request = answer["ResponseMetadata"]["RequestId"]
    server.house.rooms.functions.logbook.flush()
    logs, group = aws("logs"), f"/aws/lambda/{function.name}"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert "[$LATEST]" in stream["logStreamName"]
    assert stream["logStreamName"][4::3][:2] == "//"
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    lines = [event["message"] for event in events["events"]]
    assert "".join(lines) == tail
    assert lines[0].startswith("INIT_START Runtime Version: python:3.")
    assert lines[1:5] == [f"START RequestId: {request} Version: $LATEST\n", "one\n", "two\n", "three\n"]
    assert lines[5].startswith("[WARNING]\t20") and lines[5].endswith(f"Z\t{request}\tfour\nfive\n")
    assert lines[6].startswith("[ERROR] ValueError: six\nTraceback (most recent call last):\n\xa0\xa0File")
    assert lines[7] == f"END RequestId: {request}\n"
    assert lines[8].startswith(f"REPORT RequestId: {request}\tDuration: ")
    assert 5 < int(re.search(r"Memory Size: 128 MB\tMax Memory Used: (\d+) MB", lines[8])[1]) < 100


def test_ten_megabytes_of_output_hold_up_nothing(make_function):
    function = make_function(
        """
        def handler(event, context):
            for number in range(100):
                print("x" * 100_000)
            return "done"
    """,
        Timeout=60,
    )
    answer = function.invoke(LogType="Tail")
    assert answer["Payload"] == "done"
    assert len(base64.b64decode(answer["LogResult"])) == 4096


def test_output_without_end_ends_with_the_timeout(make_function):
    function = make_function("def handler(event, context):\n    while True: print('x' * 100_000)", Timeout=1)
    answer = function.invoke(LogType="Tail")
    assert answer["Payload"]["errorType"] == "Sandbox.Timedout"
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "Task timed out after 1.00 seconds" in tail
    assert "REPORT RequestId" in tail


def test_nothing_runs_where_the_kernel_refuses_namespaces(make_function, refused, monkeypatch):
    function = make_function()
    monkeypatch.setattr(WarmParent, "namespaces", False)
    code, message = refused("invoke", FunctionName=function.name)
    assert (code, "The kernel refuses namespaces" in message) == ("ServiceException", True)


def test_a_function_has_a_thousand_processes_and_threads_at_most(make_function):
    function = make_function("""
        import threading
        def handler(event, context):
            threading.stack_size(65536)
            end = threading.Event()
            try:
                for count in range(3000):
                    threading.Thread(target=end.wait).start()
            except RuntimeError as problem:
                return count, str(problem)
            finally:
                end.set()
    """)
    count, problem = function.call()
    assert 900 < count < 1024
    assert problem == "can't start new thread"


def test_an_answer_as_a_stream(make_function, client):
    function = make_function("""
        def handler(event, context):
            if event < 0:
                raise ValueError("less than nothing")
            return "x" * event
    """)

    def stream(event, **options):
        answer = client.invoke_with_response_stream(FunctionName=function.name, Payload=json.dumps(event), **options)
        return answer["ExecutedVersion"], list(answer["EventStream"])

    assert stream(1) == ("$LATEST", [{"PayloadChunk": {"Payload": b'"x"'}}, {"InvokeComplete": {}}])
    *chunks, end = stream(3_000_000, LogType="Tail")[1]
    assert b"".join(row["PayloadChunk"]["Payload"] for row in chunks) == json.dumps("x" * 3_000_000).encode()
    assert len(chunks) == 3
    assert b"END RequestId" in base64.b64decode(end["InvokeComplete"]["LogResult"])
    ((_, complete),) = stream(-1)[1][0].items()
    assert (complete["ErrorCode"], json.loads(complete["ErrorDetails"])["errorType"]) == ("Unhandled", "ValueError")
    answer = client.invoke_with_response_stream(FunctionName=function.name, InvocationType="DryRun")
    assert (answer["StatusCode"], list(answer["EventStream"])) == (204, [])


JSON_LOGS = r"""
    import logging
    def handler(event, context):
        logger = logging.getLogger("belts")
        logger.debug("not shown")
        logger.info("belt %d", 7, extra={"belt": 7})
        print("plain")
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("it broke")
        if event:
            raise ValueError("no\nbelt")
"""


def test_logs_in_json(make_function, client):
    function = make_function(JSON_LOGS, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG"})
    kept = client.get_function_configuration(FunctionName=function.name)["LoggingConfig"]
    assert (kept["LogFormat"], kept["ApplicationLogLevel"], kept["SystemLogLevel"]) == ("JSON", "INFO", "DEBUG")

    def lines(event=None):
        answer = function.invoke(event, LogType="Tail")
        text = base64.b64decode(answer["LogResult"]).decode().replace("plain\n", '{"plain": true}\n')
        return answer["ResponseMetadata"]["RequestId"], [json.loads(line) for line in text.splitlines()]

    request, (init, start, info, plain, broken, done, report) = lines()
    assert (init["type"], start["type"], plain) == ("platform.initStart", "platform.start", {"plain": True})
    assert start["record"] == {"requestId": request, "version": "$LATEST"}
    assert {**info, "timestamp": ""} == {
        "timestamp": "", "level": "INFO", "message": "belt 7", "logger": "belts", "requestId": request, "belt": 7,
    }  # fmt: skip
    assert (broken["level"], broken["errorType"], broken["errorMessage"]) == (
        "ERROR",
        "ZeroDivisionError",
        "division by zero",
    )
    assert broken["location"].endswith("index.py:handler:11")
    assert (done["type"], done["record"]["status"], done["record"]["metrics"]["producedBytes"]) == (
        "platform.runtimeDone", "success", 4,
    )  # fmt: skip
    assert (report["type"], report["record"]["metrics"]["memorySizeMB"]) == ("platform.report", 128)
    assert "initDurationMs" in report["record"]["metrics"]
    _, (*_, error, done, report) = lines(1)
    assert (error["log_level"], error["errorType"], error["errorMessage"]) == ("ERROR", "ValueError", "no\nbelt")
    assert (report["record"]["status"], report["record"]["errorType"]) == ("error", "ValueError")
    quiet = {"LogFormat": "JSON", "SystemLogLevel": "WARN", "ApplicationLogLevel": "FATAL"}
    client.update_function_configuration(FunctionName=function.name, LoggingConfig=quiet)
    assert lines()[1] == [{"plain": True}]
    assert [row.get("type", row.get("errorType")) for row in lines(1)[1][1:]] == [
        "ValueError", "platform.runtimeDone", "platform.report",
    ]  # fmt: skip


def test_a_fork_that_comes_back_from_the_handler_answers_nothing(make_function):
    function = make_function("""
        import os
        def handler(event, context):
            return [event, os.fork() > 0]
    """)
    assert [function.call(number) for number in range(10)] == [[number, True] for number in range(10)]


def test_a_call_that_the_servers_end_cuts_off_is_told_so(tmp_path):
    settings = Settings(port=0, data_dir=tmp_path / "data", testing=True)
    with ThreadPoolExecutor() as threads, running(settings) as server:
        client = server.client("lambda")
        code = {"ZipFile": zipped("import time\ndef handler(event, context): time.sleep(60)")}
        options = {"Runtime": "python3.12", "Role": ROLE, "Handler": "index.handler", "Timeout": 90}
        arn = client.create_function(FunctionName="f", Code=code, **options)["FunctionArn"]
        cut = threads.submit(client.invoke, FunctionName="f")
        wait_until(lambda: server.house.rooms.functions.running(arn), "it is not called")
    error = cut.exception()
    assert isinstance(error, client.exceptions.ServiceException)
    assert error.response["Error"]["Message"] == "The server ended while the function ran."


def test_the_sandbox_hides_the_host_and_keeps_tmp(make_function, server):
    function = make_function("""
        import os
        def handler(event, context):
            found = os.path.exists("/tmp/mark"), os.path.exists(event)
            open("/tmp/mark", "w").close()
            try:
                open("/var/task/mark", "w")
            except OSError as problem:
                return *found, problem.strerror
    """)
    data = str(server.settings.data_dir)
    assert function.call(data) == [False, False, "Read-only file system"]
    assert function.call(data)[0] is True
    assert not Path("/tmp/mark").exists()


def test_what_functions_do_is_counted(make_function, server, aws):
    function = make_function("def handler(event, context): return 1 / event")
    started = time.time()
    assert function.call(1) == 1
    assert function.invoke(0)["FunctionError"] == "Unhandled"
    store_measurements(server.house.rooms)

    def total(metric, statistic="Sum"):
        (point,) = aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": function.name}],
            StartTime=started - 120,
            EndTime=started + 120,
            Period=3600 * 24,
            Statistics=[statistic],
        )["Datapoints"]
        return point[statistic]

    assert (total("Invocations"), total("Errors"), total("Throttles")) == (2, 1, 0)
    assert 0 < total("Duration", "Maximum") < 60_000
