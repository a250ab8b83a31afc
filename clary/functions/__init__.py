"""The life of a function's workers: processes that are kept warm, one event at a time each; knows no AWS service."""

from clary.functions.archive import BadArchive
from clary.functions.room import Closing, Functions, Throttled
from clary.functions.spec import Event, FunctionHost, FunctionSpec, Outcome

__all__ = ["BadArchive", "Closing", "Event", "FunctionHost", "FunctionSpec", "Functions", "Outcome", "Throttled"]
