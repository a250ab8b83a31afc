"""The life of a batch transform: S3 objects split into requests, answered by a model, put together again."""

from typing import TYPE_CHECKING, Any

from clary.transform.spec import TransformSpec

if TYPE_CHECKING:
    from clary.transform.room import Transforms

__all__ = ["TransformSpec", "Transforms"]


def __getattr__(name: str) -> Any:
    """`Transforms` when it is asked for: a driver shares this package and must load nothing of the server."""
    if name == "Transforms":
        from clary.transform.room import Transforms

        return Transforms
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
