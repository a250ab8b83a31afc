"""Functions: created, told, changed, published, named and deleted."""

import base64
import hashlib
import io
import json
import stat
import threading
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from function_helpers import ROLE, zipped

from clary.services.lambda_ import layers_of_function
from clary.store.pages import seal
from tests.main_job import wait_until


def test_a_function_is_told_as_it_was_created(make_function, client):
    code = zipped()
    function = make_function(Code={"ZipFile": code}, Description="echo", Tags={"a": "b"}, Timeout=7, MemorySize=256)
    client.get_waiter("function_active_v2").wait(FunctionName=function.name)
    found = client.get_function(FunctionName=function.arn)
    configuration = found["Configuration"]
    assert configuration["FunctionArn"] == function.arn
    assert configuration["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert configuration["CodeSize"] == len(code)
    assert (configuration["Timeout"], configuration["MemorySize"], configuration["Version"]) == (7, 256, "$LATEST")
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert configuration["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.name}"}
    assert "Environment" not in configuration
    assert found["Tags"] == {"a": "b"}
    assert urllib.request.urlopen(found["Code"]["Location"]).read() == code
    assert function.name in [row["FunctionName"] for row in client.list_functions()["Functions"]]
    assert "State" not in client.list_functions()["Functions"][0]


def test_the_page_of_code_gives_nothing_else(server, tmp_path):
    (tmp_path / "other.zip").write_bytes(b"secret")
    now = server.house.rooms.clock.now()
    for archive, until, status in ((f"{'../' * 20}{tmp_path}/other", now + 9, 404), ("0" * 64, now - 1, 403)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.url}/_clary/lambda/code?token={seal([archive, until], 'lambda-code')}")
        with caught.value as answer:
            assert answer.code == status


def test_code_comes_from_s3_too(make_function, aws, refused):
    s3 = aws("s3")
    s3.create_bucket(Bucket="lambda-code")
    s3.put_object(Bucket="lambda-code", Key="code.zip", Body=zipped("def handler(event, context): return 's3'"))
    assert make_function(Code={"S3Bucket": "lambda-code", "S3Key": "code.zip"}).call() == "s3"
    options = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "index.handler"}
    code, message = refused("create_function", **options, Code={"S3Bucket": "lambda-code", "S3Key": "no"})
    assert code == "InvalidParameterValueException"
    assert message.startswith("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The spec")


def test_code_comes_from_a_version_of_an_object(make_function, aws, client, refused):
    s3, place = aws("s3"), {"Bucket": "lambda-versions", "Key": "code.zip"}
    s3.create_bucket(Bucket=place["Bucket"])
    s3.put_bucket_versioning(Bucket=place["Bucket"], VersioningConfiguration={"Status": "Enabled"})
    sources = [f"def handler(event, context): return {n}" for n in range(2)]
    versions = [s3.put_object(**place, Body=zipped(source))["VersionId"] for source in sources]
    gone = s3.delete_object(**place)["VersionId"]
    code = {"S3Bucket": place["Bucket"], "S3Key": place["Key"]}
    function = make_function(Code={**code, "S3ObjectVersion": versions[0]})
    assert function.call() == 0
    client.update_function_code(FunctionName=function.name, **code, S3ObjectVersion=versions[1])
    assert function.call() == 1
    layer = client.publish_layer_version(LayerName="versions", Content={**code, "S3ObjectVersion": versions[0]})
    assert layer["Content"]["CodeSize"] == len(zipped(sources[0]))
    for version, told in (
        ("0" * 32, "NoSuchVersion. S3 Error Message: The specified version does not exist."),
        (gone, "MethodNotAllowed. S3 Error Message: The specified method is not allowed against this resource."),
        ("x", "InvalidArgument. S3 Error Message: Invalid version id specified"),
        (None, "NoSuchKey. S3 Error Message: The specified key does not exist."),
    ):
        named = {**code, "S3ObjectVersion": version} if version else code
        error = ("InvalidParameterValueException", f"Error occurred while GetObject. S3 Error Code: {told}")
        assert refused("update_function_code", FunctionName=function.name, **named) == error
        assert refused("publish_layer_version", LayerName="versions", Content=named) == error


def entry(name, content=b"", mode=0o644):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return buffer


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no zip", "not a readable zip file"),
        (entry("../../evil.py").getvalue(), "'../../evil.py' would leave its folder"),
        (entry("/evil.py").getvalue(), "'/evil.py' would leave its folder"),
        (entry("a").getvalue()[:-30], "not a readable zip file"),
    ],
)
def test_archives_that_can_not_be_unpacked(refused, content, told):
    options = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "index.handler"}
    code, message = refused("create_function", **options, Code={"ZipFile": content})
    assert code == "InvalidParameterValueException"
    assert message.startswith("Could not unzip uploaded file. Please check your file, then try to upload again.")
    assert told in message


def test_a_link_does_not_lead_out_of_the_archive(refused):
    buffer = entry("out", b"/tmp", stat.S_IFLNK | 0o777)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("out/evil.py", "")
    options = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "index.handler"}
    message = refused("create_function", **options, Code={"ZipFile": buffer.getvalue()})[1]
    assert "'out/evil.py' would leave its folder by a link" in message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"Runtime": "nodejs22.x"}, "Clary runs Python functions only"),
        ({"Runtime": "python3.7"}, "The runtime parameter of python3.7 is no longer supported"),
        ({"PackageType": "Image"}, "PackageType asks for a container image"),
        ({"TracingConfig": {"Mode": "Active"}}, "TracingConfig.Mode asks for X-Ray"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig asks for a VPC"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:0:q"}}, "asks for a dead-letter queue"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart.ApplyOn asks for snapshots"),
        ({"LoggingConfig": {"SystemLogLevel": "WARN"}}, "can be set only where LogFormat is JSON"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"LONG": "x" * 4096}}}, "exceeded the 4KB limit"),
        (
            {"Timeout": 901},
            "'Timeout' value failed to satisfy constraint: Member must have value less than or equal to 900, not 901",
        ),
        ({"MemorySize": 10241}, "'MemorySize' value failed to satisfy constraint: Member must have value less"),
        ({"Environment": {"Variables": {"NUL": "a\0b"}}}, "contains a null character"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:none:1"]}, "layer:none:1 does not exist."),
        ({"FunctionName": "x" * 65}, "Member must have length less than or equal to 64"),
    ],
)
def test_what_can_not_be_done_is_refused_by_name(refused, options, told):
    options = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "index.handler", **options}
    code, message = refused("create_function", Code={"ZipFile": zipped()}, **options)
    assert code == "InvalidParameterValueException"
    assert told in message


def test_what_asks_for_nothing_is_accepted(make_function):
    nothing = {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}, "TracingConfig": {"Mode": "PassThrough"}}
    nothing |= {"SnapStart": {"ApplyOn": "None"}, "EphemeralStorage": {"Size": 512}, "Layers": [], "KMSKeyArn": ""}
    assert make_function(**nothing).call(1) == 1


def test_names_lead_to_a_function_in_every_form(make_function, client, refused):
    function = make_function()
    forms = [function.name, function.arn, f"000000000000:function:{function.name}", f"{function.name}:$LATEST"]
    for form in forms:
        assert client.get_function_configuration(FunctionName=form)["FunctionName"] == function.name
    assert refused("get_function", FunctionName=function.arn.replace("us-east-1", "eu-west-1")) == (
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )
    mismatch = refused("get_function", FunctionName=f"{function.arn}:1", Qualifier="2")[1]
    assert mismatch == "The derived qualifier from the function name does not match the specified qualifier."
    code, message = refused(
        "create_function",
        FunctionName=function.name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="a.b",
        Code={"ZipFile": zipped()},
    )
    assert (code, message) == ("ResourceConflictException", f"Function already exist: {function.name}")


def test_updates_reach_the_next_event(make_function, client, refused):
    function = make_function("import os\ndef handler(event, context): return os.environ.get('COLOUR'), 1")
    assert function.call() == [None, 1]
    before = client.get_function_configuration(FunctionName=function.name)
    changed = client.update_function_configuration(
        FunctionName=function.name, Environment={"Variables": {"COLOUR": "red"}}, RevisionId=before["RevisionId"]
    )
    client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert changed["RevisionId"] != before["RevisionId"]
    assert function.call() == ["red", 1]
    code = zipped("def handler(event, context): return 2")
    tried = client.update_function_code(FunctionName=function.name, ZipFile=code, DryRun=True)
    assert tried["CodeSha256"] != before["CodeSha256"]
    assert function.call() == ["red", 1]
    client.update_function_code(FunctionName=function.name, ZipFile=code)
    assert function.call() == 2
    stale = {"FunctionName": function.name, "RevisionId": before["RevisionId"]}
    for operation, options in (("update_function_code", {"ZipFile": code}), ("update_function_configuration", {})):
        assert refused(operation, **stale, **options)[0] == "PreconditionFailedException"


def test_versions_never_change(make_function, client, refused):
    function = make_function("def handler(event, context): return context.function_version, 'one'")
    name = {"FunctionName": function.name}
    first = client.publish_version(**name, Description="first")
    assert (first["Version"], first["FunctionArn"]) == ("1", f"{function.arn}:1")
    assert client.publish_version(**name)["Version"] == "1"  # nothing has changed
    code = zipped("def handler(event, context): return context.function_version, 'two'")
    assert client.update_function_code(**name, ZipFile=code, Publish=True)["Version"] == "2"
    assert [function.call(Qualifier=which) for which in ("1", "2", "$LATEST")] == [
        ["1", "one"],
        ["2", "two"],
        ["$LATEST", "two"],
    ]
    versions = client.list_versions_by_function(**name)["Versions"]
    assert [row["Version"] for row in versions] == ["$LATEST", "1", "2"]
    assert refused("publish_version", **name, CodeSha256="x")[1].startswith("CodeSHA256 (x) is different from")
    client.delete_function(**name, Qualifier="1")
    assert refused("invoke", **name, Qualifier="1")[1] == f"Function not found: {function.arn}:1"
    assert refused("delete_function", **name, Qualifier="$LATEST")[0] == "InvalidParameterValueException"
    everything = client.list_functions(FunctionVersion="ALL")["Functions"]
    assert [row["Version"] for row in everything if row["FunctionName"] == function.name] == ["$LATEST", "2"]


def test_aliases_name_versions_and_share_events(make_function, client, refused):
    function = make_function("def handler(event, context): return context.function_version")
    name = {"FunctionName": function.name}
    client.publish_version(**name)
    client.update_function_configuration(**name, Description="other")
    client.publish_version(**name)
    alias = client.create_alias(**name, Name="live", FunctionVersion="1")
    assert alias["AliasArn"] == f"{function.arn}:live"
    answer = function.invoke(FunctionName=f"{function.arn}:live")
    assert (answer["Payload"], answer["ExecutedVersion"]) == ("1", "1")
    assert refused("create_alias", **name, Name="live", FunctionVersion="1") == (
        "ResourceConflictException",
        f"Alias already exists: {function.arn}:live",
    )
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    changed = client.update_alias(**name, Name="live", RoutingConfig=weights)
    assert changed["RoutingConfig"] == weights
    assert {function.call(Qualifier="live") for _ in range(40)} == {"1", "2"}
    assert client.get_function_configuration(**name, Qualifier="live")["Version"] == "1"
    assert refused("update_alias", **name, Name="live", RevisionId=alias["RevisionId"])[0] == (
        "PreconditionFailedException"
    )
    same = {"AdditionalVersionWeights": {"1": 0.5}}
    assert "already included" in refused("update_alias", **name, Name="live", RoutingConfig=same)[1]
    assert refused("create_alias", **name, Name="x", FunctionVersion="9")[1] == (
        f"Function not found: {function.arn}:9"
    )
    assert refused("delete_function", **name, Qualifier="2")[0] == "ResourceConflictException"
    assert [row["Name"] for row in client.list_aliases(**name)["Aliases"]] == ["live"]
    client.delete_alias(**name, Name="live")
    assert refused("get_alias", **name, Name="live")[1] == f"Cannot find alias arn: {function.arn}:live"


def test_layers_lie_below_the_functions_own_code(make_function, client, refused):
    def layer(where="python", **files):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, content in files.items():
                archive.writestr(f"{where}/{path}.py", content)
        return client.publish_layer_version(
            LayerName="layer", Content={"ZipFile": buffer.getvalue()}, CompatibleRuntimes=["python3.12"]
        )

    first = layer(shared="where = 'first'", index="")
    link = entry("host", b"/etc", stat.S_IFLNK | 0o777).getvalue()
    linking = client.publish_layer_version(LayerName="link", Content={"ZipFile": link})["LayerVersionArn"]
    look = make_function("import os\ndef handler(event, context): return os.path.exists('/opt/host')", Layers=[linking])
    assert look.call() is False
    second = layer("python/lib/python3.12/site-packages", shared="where = 'second'")
    assert second["Version"] == first["Version"] + 1
    arn = first["LayerVersionArn"]
    function = make_function("import shared\ndef handler(event, context): return shared.where", Layers=[arn])
    assert function.call() == "first"
    assert client.get_function(FunctionName=function.name)["Configuration"]["Layers"][0]["Arn"] == arn
    client.update_function_configuration(FunctionName=function.name, Layers=[second["LayerVersionArn"]])
    assert function.call() == "second"
    both = {"FunctionName": function.name, "Layers": [arn, second["LayerVersionArn"]]}
    assert "Two different versions of the same layer" in refused("update_function_configuration", **both)[1]
    listed = client.list_layer_versions(LayerName="layer")["LayerVersions"]
    assert [row["Version"] for row in listed] == [second["Version"], first["Version"]]
    assert client.list_layers(CompatibleRuntime="python3.12")["Layers"][0]["LatestMatchingVersion"]["Version"]
    assert client.list_layers(CompatibleRuntime="python3.9")["Layers"] == []
    client.delete_layer_version(LayerName="layer", VersionNumber=first["Version"])
    gone = refused("get_layer_version", LayerName="layer", VersionNumber=first["Version"])
    assert gone == ("ResourceNotFoundException", f"Layer version {arn} does not exist.")
    assert client.get_layer_version_by_arn(Arn=second["LayerVersionArn"])["Content"]["CodeSize"]


def test_code_and_layers_together_have_a_limit(make_function, client, refused, monkeypatch):
    monkeypatch.setattr(layers_of_function, "UNZIPPED_BYTES", 1000)
    layer = client.publish_layer_version(LayerName="wide", Content={"ZipFile": zipped("x" * 600)})["LayerVersionArn"]
    large, small = zipped("#" * 600), zipped("#")
    told = "Function code combined with layers exceeds the maximum allowed size of 1000 bytes. The actual size is 1200 "
    options = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "index.handler"}
    assert told in refused("create_function", **options, Code={"ZipFile": large}, Layers=[layer])[1]
    name = {"FunctionName": make_function(Code={"ZipFile": small}, Layers=[layer]).name}
    assert told in refused("update_function_code", **name, ZipFile=large)[1]
    client.update_function_configuration(**name, Layers=[])
    client.update_function_code(**name, ZipFile=large)
    assert told in refused("update_function_configuration", **name, Layers=[layer])[1]


def test_reserved_concurrency_is_the_most_that_runs_at_a_time(make_function, client, refused):
    function = make_function()
    name = {"FunctionName": function.name}
    client.put_function_concurrency(**name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        function.invoke()
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    client.put_function_concurrency(**name, ReservedConcurrentExecutions=2)
    assert function.call(1) == 1
    assert client.get_function_concurrency(**name)["ReservedConcurrentExecutions"] == 2
    assert client.get_function(**name)["Concurrency"] == {"ReservedConcurrentExecutions": 2}
    limit = client.get_account_settings()["AccountLimit"]
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (1000, 998)
    message = refused("put_function_concurrency", **name, ReservedConcurrentExecutions=901)[1]
    assert message.endswith("below its minimum value of [100].")
    client.delete_function_concurrency(**name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(**name)


def test_an_account_keeps_a_hundred_for_functions_without_a_reserve(server):
    client = server.client("lambda", region="eu-central-1", max_pool_connections=8)
    code = {"ZipFile": zipped()}
    for number in range(8):
        client.create_function(
            FunctionName=f"f{number}", Runtime="python3.12", Role=ROLE, Handler="index.handler", Code=code
        )

    def reserve(number):
        try:
            client.put_function_concurrency(FunctionName=f"f{number}", ReservedConcurrentExecutions=300)
        except client.exceptions.InvalidParameterValueException:
            return 0
        return 300

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(reserve, range(8))) == 900
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    for number in range(8):
        client.delete_function(FunctionName=f"f{number}")
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000


def test_permissions_are_kept(make_function, client, refused):
    function = make_function()
    name = {"FunctionName": function.name}
    assert refused("get_policy", **name)[1] == "The resource you requested does not exist."
    grant = {**name, "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    answer = client.add_permission(**grant, SourceArn="arn:aws:s3:::b", SourceAccount="000000000000")
    assert json.loads(answer["Statement"]) == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": function.arn,
        "Condition": {
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
        },
    }
    assert refused("add_permission", **grant)[0] == "ResourceConflictException"
    assert "principal was invalid" in refused("add_permission", **{**grant, "Principal": "nobody"})[1]
    policy = json.loads(client.get_policy(**name)["Policy"])
    assert (policy["Id"], [row["Sid"] for row in policy["Statement"]]) == ("default", ["s3"])
    assert refused("remove_permission", **name, StatementId="x")[1] == "Statement x is not found in resource policy."
    client.remove_permission(**name, StatementId="s3")
    assert refused("remove_permission", **name, StatementId="s3")[1].startswith("No policy is associated")


def test_tags(make_function, client, refused):
    function = make_function(Tags={"a": "1"})
    client.tag_resource(Resource=function.arn, Tags={"b": "2"})
    client.untag_resource(Resource=function.arn, TagKeys=["a"])
    assert client.list_tags(Resource=function.arn)["Tags"] == {"b": "2"}
    assert refused("tag_resource", Resource=f"{function.arn}:1", Tags={"b": "2"})[1].startswith("Tags on function ali")
    many = {str(number): "" for number in range(51)}
    assert refused("tag_resource", Resource=function.arn, Tags=many)[1] == "Number of tags exceeds resource tag limit."


def test_a_deleted_function_is_gone(make_function, client, refused):
    function = make_function()
    assert function.call(1) == 1
    client.publish_version(FunctionName=function.name)
    client.delete_function(FunctionName=function.name)
    assert refused("invoke", FunctionName=function.name)[0] == "ResourceNotFoundException"
    assert refused("delete_function", FunctionName=function.name)[1] == f"Function not found: {function.arn}"


def test_what_is_never_set_is_told_as_unset(make_function, client, refused):
    function = make_function()
    name = {"FunctionName": function.name}
    assert client.list_function_url_configs(**name)["FunctionUrlConfigs"] == []
    assert client.get_function_code_signing_config(**name)["CodeSigningConfigArn"] == ""
    assert client.list_provisioned_concurrency_configs(**name)["ProvisionedConcurrencyConfigs"] == []
    assert refused("get_function_url_config", **name)[0] == "ResourceNotFoundException"
    code = refused("get_provisioned_concurrency_config", **name, Qualifier="$LATEST")[0]
    assert code == "ProvisionedConcurrencyConfigNotFoundException"


def test_what_is_above_the_reserve_is_throttled(make_function, client, server):
    function = make_function("import time\ndef handler(event, context): time.sleep(event)")
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    first = threading.Thread(target=function.invoke, args=(1,))
    first.start()
    wait_until(lambda: server.house.rooms.functions.running(function.arn))
    with pytest.raises(client.exceptions.TooManyRequestsException):
        function.invoke(0)
    first.join()
    assert function.call(0) is None


def test_a_reset_forgets_functions(fresh_server):
    client = fresh_server.client("lambda")
    options = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "index.handler"}
    for answer in (b"1", b"2"):
        code = zipped(f"def handler(event, context): return {answer.decode()}")
        client.create_function(**options, Code={"ZipFile": code})
        assert client.invoke(FunctionName="f")["Payload"].read() == answer
        assert fresh_server.house.health()["running"]["functions"] == 1
        request = urllib.request.Request(f"{fresh_server.url}/_clary/reset", method="POST")
        assert urllib.request.urlopen(request).status == 200
        assert client.list_functions()["Functions"] == []
