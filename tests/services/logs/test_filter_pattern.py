import pytest

from clary.services.logs.errors import InvalidParameterException
from clary.services.logs.filter_pattern import compile_pattern

LINES = ["ERROR WARN message", "ERROR message", "WARN message"]
APACHE = [
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534',
    '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324',
    '127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] "GET /index.html HTTP/1.0" 404 4355',
]
TRAIL = """{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ThisFlag": true,
    "latency": 512.5, "code": "400", "a b": {"c-d": "x"}, "text": "PutEvent"}"""
USERS = """{"user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
    "actions": ["GET", "PUT", "DELETE"], "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]}"""


def matching(pattern: str, lines: list[str]) -> list[int]:
    matches = compile_pattern(pattern)
    return [number for number, line in enumerate(lines, 1) if matches(line)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [1, 2, 3]),
        ("  ", [1, 2, 3]),
        ("ERROR", [1, 2]),
        ("error", []),
        ("ERR", [1, 2]),
        ("ERROR WARN", [1]),
        ("WARN ERROR", [1]),
        ("?ERROR ?WARN", [1, 2, 3]),
        ("?nothing ?WARN", [1, 3]),
        ("ERROR -WARN", [2]),
        ('"ERROR" - "WARN"', [2]),
        ("-ERROR", [3]),
        ('"ERROR message"', [2]),
        ('-"ERROR message"', [1, 3]),
        ("ERROR ?nothing", [1, 2]),
        ("%^WARN%", [3]),
        ("%W.RN m|ERROR m% -WARN", [2]),
    ],
)
def test_terms(pattern: str, expected: list[int]) -> None:
    assert matching(pattern, LINES) == expected


def test_a_quoted_term_may_hold_anything() -> None:
    assert matching(r'"say \"hi\" [x]"', ['they say "hi" [x]', "say hi [x]"]) == [1]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", [1, 2, 3]),
        ("[ip, user, username, timestamp, request, status_code, bytes > 2000]", [2, 3]),
        ("[ip, user, username, timestamp, request, status_code = 200, bytes]", [1]),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes]", [3]),
        ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", [3]),
        ("[ip, user, username, timestamp, request, status_code = 4* || status_code = 5*, bytes]", [2, 3]),
        ("[ip, user, username, timestamp, request, status_code != 404 && status_code >= 300, bytes]", [2]),
        ("[ip, user, username, timestamp, request, status_code = 4* && bytes > 5000, bytes]", []),
        ("[..., status_code, bytes <= 1534]", [1]),
        ("[..., request=*.html*, status_code=4*,]", [3]),
        ("[ip, user, ..., status_code = 500, bytes]", [2]),
        ('[ip, user, username, timestamp = "10/Oct/2000:13:25*", ...]', [1]),
        ("[ip = %^127%, ...]", [1, 2, 3]),
        ("[ip, user, username]", []),
        ("[a, b, c, d, e, f, g, h]", []),
    ],
)
def test_space_delimited_fields(pattern: str, expected: list[int]) -> None:
    assert matching(pattern, APACHE) == expected


def test_space_delimited_words() -> None:
    lines = ["ERROR message", "WARN message", "INFO message"]
    assert matching("[w1=ERROR, w2]", lines) == [1]
    assert matching("[w1=ERROR || w1=WARN, w2]", lines) == [1, 2]
    assert matching("[w1=!ERROR&&w1=!WARN, w2]", lines) == [3]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ("{$.eventType!=UpdateTrail}", False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[2].id = 2 }", False),
        ("{ $.objectList = 2 }", False),
        ("{ $.objectList != 2 }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.SomeOtherObject IS NULL }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ("{ $.latency >= 500 }", True),
        ("{ $.latency < 10e2 }", True),
        ("{ $.latency > +1000 }", False),
        ("{ $.latency = 512.50 }", True),
        ("{ $.latency = * }", True),
        ("{ $.missing = * }", False),
        ("{ $.missing != x }", False),
        ("{ $.code = 400 }", True),
        ('{ $["a b"].c-d = x }', True),
        ("{ $.text = *Event }", True),
        ("{ $.text = Put* }", True),
        ("{ $.text = P*t }", False),
        ("{ $.text = %^Put% }", True),
    ],
)
def test_json_fields(pattern: str, expected: bool) -> None:
    assert compile_pattern(pattern)(TRAIL) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = x) && $.actions[2] = y }',
            False,
        ),
        ("{ $.coordinates[1][2] = 6 }", True),
    ],
)
def test_json_conditions_bind_as_documented(pattern: str, expected: bool) -> None:
    assert compile_pattern(pattern)(USERS) is expected


@pytest.mark.parametrize("message", ["no json", "7", '{"a": ', "", "[" * 5000])
def test_what_is_no_document_matches_no_json_pattern(message: str) -> None:
    assert not compile_pattern("{ $.a NOT EXISTS }")(message)


@pytest.mark.parametrize("pattern", ["%(a|aa)+$%", '{ $.text = "x" || $.text = %(a|aa)+$% }'])
def test_a_regular_expression_that_would_take_for_ever_is_refused(pattern: str) -> None:
    message = '{"text": "' + "a" * 40 + '!"}'
    with pytest.raises(InvalidParameterException, match="takes more than"):
        compile_pattern(pattern)(message)


@pytest.mark.parametrize(
    "pattern",
    [
        "foo:bar",
        '"open',
        "%[%",
        "{ $.a = 1",
        "[a, b",
        "{ }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a ~ 1 }",
        "{ a = 1 }",
        "{ $.a.*.b = 1 }",
        "{ ($.a = 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{ $.a > x }",
        "{ $.a IS SOMETHING }",
        "[..., a, ...]",
        "[a, a]",
        "[a = 1 &&, b]",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidParameterException):
        compile_pattern(pattern)
