"""Requests that may be sent twice: a ClientRequestToken stands for one id."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from clary.services.athena.errors import InvalidRequestException
from clary.store.records import Key, RecordExists
from clary.wire import Call

KIND = "athena:token"


def keep_token(call: Call, token: str | None, said: dict[str, Any]) -> str:
    """The id that a request's token stands for: a fresh one, or that of the same request before.

    It is durable before what it stands for is: a request that was cut short goes on with its id when it comes again.
    """
    fresh = call.rooms.clock.uuid()
    if token is None:
        return fresh
    # Tokens mind case and blanks; hashed they are all of one length.
    key = Key(KIND, call.account, call.region, sha256(f"{call.operation}\0{token}".encode()).hexdigest())
    try:
        call.rooms.records.create(key, {"Id": fresh, "Said": said})
    except RecordExists:
        kept = call.rooms.records.get(key)
        if kept is None or kept.body["Said"] != said:
            raise InvalidRequestException(
                "Idempotent parameters do not match", "IDEMPOTENT_PARAMETER_MISMATCH"
            ) from None
        return str(kept.body["Id"])
    return fresh
