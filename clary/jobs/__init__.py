"""The life of a job: queue, /opt/ml tree, channels, supervisor, metrics, artefact."""

from clary.jobs.host import Host, ObjectInfo, Scope
from clary.jobs.spec import ChannelSpec, JobSpec, MetricSpec

__all__ = ["ChannelSpec", "Host", "JobSpec", "MetricSpec", "ObjectInfo", "Scope"]
