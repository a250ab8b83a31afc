"""Paging tokens: where a listing stopped, sealed to the query that it belongs to."""

import base64
import hashlib
from collections.abc import Sequence

import msgspec

from clary.errors import ValidationException

_DIGEST = 12

# Not a secret: a forged token could only reach what its sender may list anyway. The seal makes a token useless for
# another query and turns a mistyped one into an error; being fixed, it outlives a restart and holds for every server.
_KEY = b"clary page token 1"


class BadToken(ValidationException):
    """A paging token that was altered, made up, or belongs to another query."""


def seal(position: Sequence[object], *query: object) -> str:
    """An opaque token for the position (JSON values) of a listing, valid for this query (JSON values) only."""
    body = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_digest(body, query) + body).rstrip(b"=").decode()


def unseal(token: str, *query: object) -> list[object]:
    """The position that a token holds; BadToken when it is none of this query's."""
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadToken("The paging token is invalid.") from None
    digest, body = sealed[:_DIGEST], sealed[_DIGEST:]
    if digest != _digest(body, query):
        raise BadToken("The paging token is invalid: it belongs to another request, or was altered.")
    return msgspec.json.decode(body, type=list[object])


def _digest(body: bytes, query: Sequence[object]) -> bytes:
    named = msgspec.json.encode(query, order="sorted")
    return hashlib.blake2b(named + b"\0" + body, digest_size=_DIGEST, key=_KEY).digest()
