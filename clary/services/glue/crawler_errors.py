"""The refusals of crawlers and their schedules."""

from clary.errors import ServiceError


class CrawlerRunningException(ServiceError):
    """The crawler runs."""

    code = "CrawlerRunningException"
    status = 400


class CrawlerNotRunningException(ServiceError):
    """The crawler doesn't run."""

    code = "CrawlerNotRunningException"
    status = 400


class CrawlerStoppingException(ServiceError):
    """The crawler is being stopped."""

    code = "CrawlerStoppingException"
    status = 400


class NoScheduleException(ServiceError):
    """The crawler has no schedule."""

    code = "NoScheduleException"
    status = 400


class SchedulerRunningException(ServiceError):
    """The schedule is on."""

    code = "SchedulerRunningException"
    status = 400


class SchedulerNotRunningException(ServiceError):
    """The schedule is off."""

    code = "SchedulerNotRunningException"
    status = 400


class CrawlFailed(Exception):
    """A crawl can't go on; the message becomes the crawler's ErrorMessage."""


def already_started(name: str) -> CrawlerRunningException:
    """The refusal of what can't be done during a crawl."""
    return CrawlerRunningException(f"Crawler with name {name} has already started")
