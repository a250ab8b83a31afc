"""The two tables of the user guide's "How alarms treat missing data": 0 is fine, X breaches, - is missing."""

import pytest

from clary.services.cloudwatch.alarm_judgement import MISSING_DATA, judge

SEEN = {"0": False, "X": True, "-": None}
STATES = {"O": "OK", "A": "ALARM", "I": "INSUFFICIENT_DATA", "=": None}


@pytest.mark.parametrize(
    ("values", "to_alarm", "states"),
    [
        # in the order missing, ignore, breaching, notBreaching
        ("0-X-X", 3, "OOOO"),
        ("----0", 3, "OOOO"),
        ("-----", 3, "I=AO"),
        ("0XX-X", 3, "AAAA"),
        ("--X--", 3, "A=AO"),
        ("----X", 3, "==AO"),
        ("---X-", 3, "==AO"),
        ("0-X-X", 2, "AAAA"),
        ("00X0X", 2, "AAAA"),
        ("0-X--", 2, "OOAO"),
        ("----0", 2, "OOAO"),
        ("---X-", 2, "A=AO"),
    ],
)
def test_the_guides_tables(values, to_alarm, states):
    breaches = [SEEN[value] for value in values]
    assert [judge(breaches, 3, to_alarm, missing) for missing in MISSING_DATA] == [STATES[state] for state in states]


def test_what_is_too_old_does_not_count():
    assert judge([True, True, False, False, False], 3, 1, "missing") == "OK"
