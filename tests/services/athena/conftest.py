"""An Athena of the running server, and a lake of a test's own: a bucket and a database."""

import itertools

import pytest

from tests.main_job import wait_until

_numbers = itertools.count()


@pytest.fixture(scope="session")
def athena(aws):
    return aws("athena")


class Lake:
    """A bucket and a database, and what Athena says of statements about them."""

    def __init__(self, client, name):
        self.athena, self.s3, self.glue = (client(service) for service in ("athena", "s3", "glue"))
        self.database = name.replace("-", "_")
        self.bucket = name
        self.s3.create_bucket(Bucket=name)
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def start(self, statement, **options):
        """The id of an execution."""
        options.setdefault("QueryExecutionContext", {"Database": self.database})
        options.setdefault("ResultConfiguration", {"OutputLocation": f"s3://{self.bucket}/results/"})
        return self.athena.start_query_execution(QueryString=statement, **options)["QueryExecutionId"]

    def execution(self, id_):
        return self.athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]

    def end(self, statement, **options):
        """The execution of a statement, when it has ended."""
        id_ = self.start(statement, **options)
        wait_until(lambda: self.execution(id_)["Status"]["State"] not in ("QUEUED", "RUNNING"), f"{statement} goes on")
        return self.execution(id_)

    def run(self, statement, **options):
        """The id of an execution that has succeeded."""
        execution = self.end(statement, **options)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]["StateChangeReason"]
        return execution["QueryExecutionId"]

    def fail(self, statement, **options):
        """Why a statement has failed."""
        execution = self.end(statement, **options)
        assert execution["Status"]["State"] == "FAILED", execution["Status"]
        return execution["Status"]["StateChangeReason"]

    def refuse(self, statement, **options):
        """Why a statement is refused at once."""
        with pytest.raises(self.athena.exceptions.InvalidRequestException) as caught:
            self.start(statement, **options)
        return caught.value.response["Error"]["Message"]

    def rows(self, statement, **options):
        """What a statement answers with: its rows, of texts, None for null."""
        answer = self.athena.get_query_results(QueryExecutionId=self.run(statement, **options))
        return [[field.get("VarCharValue") for field in row["Data"]] for row in answer["ResultSet"]["Rows"]]

    def lines(self, statement):
        """The same of a statement that answers with lines."""
        return [line for [line] in self.rows(statement)]

    def table(self, name):
        return self.glue.get_table(DatabaseName=self.database, Name=name)["Table"]

    def partition(self, name, *values):
        return self.glue.get_partition(DatabaseName=self.database, TableName=name, PartitionValues=values)["Partition"]

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def keys(self, prefix=""):
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]

    def read(self, location):
        bucket, _, key = location.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.fixture(scope="session")
def make_lake(aws):
    return lambda: Lake(aws, f"lake-{next(_numbers)}")


@pytest.fixture
def lake(make_lake):
    return make_lake()


@pytest.fixture
def refused(athena):
    """`refused("get_work_group", WorkGroup="x")`: the code and the message of the refusal."""

    def call(operation, **request):
        with pytest.raises(athena.exceptions.ClientError) as caught:
            getattr(athena, operation)(**request)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call
