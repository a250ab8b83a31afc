"""A bucket for each test, and the shape that S3's errors are looked at in."""

from itertools import count

import pytest
from botocore.exceptions import ClientError

_NUMBERS = count()


@pytest.fixture
def s3(aws):
    return aws("s3")


@pytest.fixture
def bucket(s3):
    name = f"s3-test-{next(_NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def refused():
    """`refused(code, call, **parameters)`: the call fails with that code; returns the parsed answer."""

    def check(code, call, **parameters):
        with pytest.raises(ClientError) as caught:
            call(**parameters)
        answer = caught.value.response
        assert answer["Error"]["Code"] == code, answer["Error"]
        return answer

    return check
