"""The life of a job: queue, /opt/ml tree, channels, supervisor, metrics, artefact."""

from typing import TYPE_CHECKING, Any

from clary.jobs.host import Host, ObjectInfo, Scope
from clary.jobs.spec import ChannelSpec, JobSpec, MetricSpec

if TYPE_CHECKING:
    from clary.jobs.jobs import Jobs

__all__ = ["ChannelSpec", "Host", "JobSpec", "Jobs", "MetricSpec", "ObjectInfo", "Scope"]


def __getattr__(name: str) -> Any:
    """`Jobs` when it is asked for: a supervisor shares this package and must load nothing of the server."""
    if name == "Jobs":
        from clary.jobs.jobs import Jobs

        return Jobs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
