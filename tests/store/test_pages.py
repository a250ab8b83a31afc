import base64

import pytest

from clary.errors import ServiceError
from clary.store.pages import BadToken, seal, unseal


def test_a_position_comes_back_for_its_own_query() -> None:
    position = ["näme/x", 1_700_000_000.123456, None, 2**62]
    token = seal(position, "kind", {"b": 1, "a": [2]})
    assert unseal(token, "kind", {"a": [2], "b": 1}) == position
    assert token.isascii() and "=" not in token
    for other in (("kind",), ("kind", {"a": [2], "b": 2}), ("kin", "d"), ()):
        with pytest.raises(BadToken):
            unseal(token, *other)


def test_every_altered_token_is_refused() -> None:
    token = seal(["a", 1], "q")
    for index in range(len(token) - 1):  # the last character may hold bits of no byte
        altered = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        with pytest.raises(BadToken):
            unseal(altered, "q")


@pytest.mark.parametrize("token", ["", "x", "ü", "a b", "=" * 9, base64.b64encode(b'["a", 1]').decode(), "A" * 5000])
def test_made_up_tokens_are_refused(token: str) -> None:
    with pytest.raises(ServiceError, match="token is invalid"):
        unseal(token, "q")
