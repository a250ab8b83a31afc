"""A Lambda of the running server, and functions that go when a test ends."""

import itertools
import json
from contextlib import suppress

import pytest
from function_helpers import ECHO, ROLE, zipped

_numbers = itertools.count()


@pytest.fixture(scope="session")
def client(aws):
    return aws("lambda", read_timeout=120)


class Function:
    """One function, as a test uses it."""

    def __init__(self, client, name):
        self.client, self.name = client, name
        self.arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"

    def invoke(self, event=None, **options):
        """The whole answer, its payload decoded."""
        options.setdefault("FunctionName", self.name)
        answer = self.client.invoke(Payload=json.dumps(event), **options)
        payload = answer["Payload"].read()
        return {**answer, "Payload": json.loads(payload) if payload else None}

    def call(self, event=None, **options):
        """What the handler returns."""
        answer = self.invoke(event, **options)
        assert "FunctionError" not in answer, answer["Payload"]
        return answer["Payload"]


@pytest.fixture
def make_function(client):
    made = []

    def make(source=ECHO, *, files=None, **options):
        name = f"function-{next(_numbers)}"
        code = options.pop("Code", None) or {"ZipFile": zipped(source, **(files or {}))}
        options = {"Runtime": "python3.11", "Role": ROLE, "Handler": "index.handler", **options}
        client.create_function(FunctionName=name, Code=code, **options)
        made.append(name)
        return Function(client, name)

    yield make
    for name in made:
        with suppress(client.exceptions.ResourceNotFoundException):
            client.delete_function(FunctionName=name)


@pytest.fixture
def refused(client):
    """Code and message of a call that must fail."""

    def call(operation, **request):
        with pytest.raises(client.exceptions.ClientError) as caught:
            getattr(client, operation)(**request)
        return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]

    return call
