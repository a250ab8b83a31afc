"""Members that ask SageMaker for what Clary doesn't do yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from clary.services.sagemaker.errors import not_yet
from clary.wire import not_done
from clary.wire.not_done import NotDone

__all__ = ["NotDone", "refuse"]


def refuse(request: Mapping[str, Any], rows: Sequence[NotDone]) -> None:
    """Raise ValidationException for the first member that asks for something that is not done."""
    not_done.refuse(request, rows, not_yet)
