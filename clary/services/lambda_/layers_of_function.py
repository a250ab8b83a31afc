"""The layers that a function is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.functions.archive import UNZIPPED_BYTES
from clary.names import parse_arn
from clary.services.lambda_.code import LAYER_VERSION_KIND
from clary.services.lambda_.errors import InvalidParameterValueException
from clary.store.records import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clary.wire import Call

_MOST = 5


def check_size(call: Call, archive: str, layers: Iterable[str]) -> None:
    """Refuse code that is too large together with its layers."""
    size = call.rooms.functions.archives.unzipped_size([archive, *layers])
    if size > UNZIPPED_BYTES:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES} bytes. "
            f"The actual size is {size} bytes."
        )


def members(call: Call, arns: list[str]) -> dict[str, Any]:
    """What a configuration tells of its layers, the first of which lies lowest."""
    if len(arns) > _MOST:
        raise InvalidParameterValueException(f"Cannot reference more than {_MOST} layers.")
    found: dict[str, str] = {}
    rows, archives = [], []
    for arn in arns:
        parts = parse_arn(arn)
        layer, _, number = parts.resource.removeprefix("layer:").rpartition(":") if parts else ("", "", "")
        if parts is None or parts.region != call.region:
            raise InvalidParameterValueException(
                f"Layers are not in the same region as the function. Layers are expected to be in region {call.region}."
            )
        if layer in found:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{found[layer]} and {arn} are versions of the same layer."
            )
        record = call.rooms.records.get(Key(LAYER_VERSION_KIND, parts.account, parts.region, f"{layer}:{number}"))
        if record is None or parts.account != call.account:
            raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
        found[layer] = arn
        archives.append(record.body["Archive"])
        rows.append({"Arn": arn, "CodeSize": record.body["Content"]["CodeSize"]})
    return {"Layers": rows, "LayerArchives": archives}
