"""Settings come from variables and options, and wrong ones are one sentence."""

import pytest

from clary.config import Settings, load_settings
from clary.errors import SettingsError


def test_options_win_over_variables(tmp_path):
    settings = load_settings({"CLARY_PORT": "5000", "CLARY_TESTING": "yes"}, port=5001, data_dir=tmp_path, host=None)
    assert (settings.port, settings.testing, settings.host) == (5001, True, "127.0.0.1")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"CLARY_PORT": "x"}, "CLARY_PORT must be a whole number, not 'x'"),
        ({"CLARY_PORT": "70000"}, "port must be 0 to 65535, not 70000"),
        ({"CLARY_TESTING": "maybe"}, "CLARY_TESTING must be true or false, not 'maybe'"),
        ({"CLARY_ACCOUNT": "12"}, "account must be 12 digits, not '12'"),
        ({"CLARY_HOST": "0.0.0.0"}, "set CLARY_ACCESS_KEY and CLARY_SECRET_KEY first"),
    ],
)
def test_wrong_settings(variables, sentence):
    with pytest.raises(SettingsError, match=sentence.replace("(", r"\(")):
        load_settings(variables)


def test_beyond_loopback_with_own_keys():
    settings = load_settings({"CLARY_HOST": "0.0.0.0", "CLARY_ACCESS_KEY": "AKIAMINE", "CLARY_SECRET_KEY": "secret"})
    assert settings.host == "0.0.0.0"


def test_default_role():
    assert Settings(account="123456789012").default_role_arn == "arn:aws:iam::123456789012:role/ClaryExecutionRole"
