"""What a crawler may be asked for: its targets, policies and configuration."""

from typing import Any

import msgspec

from clary.clock import Clock
from clary.errors import ServiceError
from clary.schedule import Schedule
from clary.services.glue.crawler_globs import compile_globs
from clary.services.glue.errors import InvalidInputException, refuse

_DEFAULT_SCHEMA_POLICY = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"}
_LOG_ONLY = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
_TARGETS = ("S3Targets", "JdbcTargets", "CatalogTargets")
_OTHER_TARGETS = ("MongoDBTargets", "DynamoDBTargets", "DeltaTargets", "IcebergTargets", "HudiTargets")
_LONGEST_PREFIX = 64
_LARGEST_SAMPLE = 249
_SHORTEST_SECONDS = 5 * 60


class Configuration(msgspec.Struct):
    """A crawler's configuration, read from its JSON."""

    inherit: bool = False
    merge_columns: bool = False
    threshold: int = 0
    combine: bool = False
    level: int = 0
    index: bool = False


def check_crawler(request: dict[str, Any]) -> dict[str, Any]:
    """The members of a crawler that are kept, with their defaults; what Clary doesn't do is refused by name."""
    refuse(request, "CrawlerSecurityConfiguration")
    if request.get("LineageConfiguration", {}).get("CrawlerLineageSettings") == "ENABLE":
        raise InvalidInputException("LineageConfiguration ENABLE is not supported by Clary.")
    refuse(request.get("LakeFormationConfiguration") or {}, "UseLakeFormationCredentials", "AccountId")
    targets = _check_targets(request["Targets"])
    recrawl = {"RecrawlBehavior": "CRAWL_EVERYTHING", **request.get("RecrawlPolicy", {})}
    only_new = recrawl["RecrawlBehavior"] == "CRAWL_NEW_FOLDERS_ONLY"
    schema = {**(_LOG_ONLY if only_new else _DEFAULT_SCHEMA_POLICY), **request.get("SchemaChangePolicy", {})}
    _check_policies(recrawl["RecrawlBehavior"], schema, targets)
    if len(request.get("TablePrefix", "")) > _LONGEST_PREFIX:
        raise InvalidInputException(f"TablePrefix has more than {_LONGEST_PREFIX} characters.")
    if not request.get("DatabaseName") and not targets.get("CatalogTargets"):
        raise InvalidInputException("DatabaseName must be given: there is no default database that Clary would make.")
    parse_configuration(request.get("Configuration", ""))
    return {
        "Classifiers": [],
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
        "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
        **{name: value for name, value in request.items() if name not in ("Schedule", "Tags", "CatalogId")},
        "Targets": {**{name: [] for name in (*_TARGETS, *_OTHER_TARGETS)}, **request["Targets"]},
        "RecrawlPolicy": recrawl,
        "SchemaChangePolicy": schema,
    }


def _check_targets(targets: dict[str, Any]) -> dict[str, Any]:
    refuse(targets, *_OTHER_TARGETS)
    if not any(targets.get(name) for name in _TARGETS):
        raise InvalidInputException(
            "Targets names no target: one of S3Targets, JdbcTargets and CatalogTargets is needed."
        )
    for target in targets.get("S3Targets") or ():
        refuse(target, "EventQueueArn", "DlqEventQueueArn", "ConnectionName")
        split_path(target.get("Path", ""))
        compile_globs(target.get("Exclusions") or ())
        if "SampleSize" in target and not 1 <= target["SampleSize"] <= _LARGEST_SAMPLE:
            raise InvalidInputException(
                f"SampleSize {target['SampleSize']} is not from 1 to {_LARGEST_SAMPLE}, files of each folder."
            )
    for target in targets.get("JdbcTargets") or ():
        refuse(target, "EnableAdditionalMetadata")
        compile_globs(target.get("Exclusions") or ())
        if not target.get("ConnectionName") or not target.get("Path"):
            raise InvalidInputException("A JDBC target needs ConnectionName and Path.")
    for target in targets.get("CatalogTargets") or ():
        refuse(target, "EventQueueArn", "DlqEventQueueArn", "ConnectionName")
    if targets.get("CatalogTargets") and any(targets.get(name) for name in ("S3Targets", "JdbcTargets")):
        raise InvalidInputException(
            "The crawler cannot have catalog targets mixed with other target types. "
            "Specify crawler targets that include only catalog, or only non-catalog targets"
        )
    return targets


def _check_policies(behavior: str, schema: dict[str, Any], targets: dict[str, Any]) -> None:
    if behavior == "CRAWL_EVENT_MODE":
        raise InvalidInputException("RecrawlBehavior CRAWL_EVENT_MODE is not supported by Clary: it has no SQS.")
    for member, value in schema.items():
        if behavior == "CRAWL_NEW_FOLDERS_ONLY" and value != "LOG":
            raise InvalidInputException(
                'The SchemaChangePolicy for "Crawl new folders only" Amazon S3 target can have only LOG '
                f"{member} value."
            )
    if targets.get("CatalogTargets") and schema["DeleteBehavior"] != "LOG":
        raise InvalidInputException("The SchemaChangePolicy for Catalog target can have only LOG DeleteBehavior value.")


def split_path(path: str) -> tuple[str, str]:
    """Bucket and prefix of an include path, with or without s3:// before it."""
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    if not bucket or "://" in path.removeprefix("s3://"):
        raise InvalidInputException(f"The S3 path {path!r} is not s3://bucket/prefix.")
    return bucket, prefix


def parse_schedule(expression: str) -> Schedule:
    """The schedule of cron(...); refused where it is none, or comes more often than every five minutes."""
    schedule = Schedule(expression)
    try:
        if not expression.startswith("cron("):
            raise InvalidInputException(f"Schedule {expression!r} is not cron(...).")
        first = schedule.after(Clock().now())
        second = schedule.after(first) if first is not None else None
    except ServiceError as problem:
        raise InvalidInputException(problem.message) from None
    if first is not None and second is not None and second - first < _SHORTEST_SECONDS:
        raise InvalidInputException(f"Schedule {expression!r} is due more often than every 5 minutes.")
    return schedule


def parse_configuration(text: str) -> Configuration:
    """What the JSON of a crawler's Configuration asks for."""
    if not text.strip():
        return Configuration()
    try:
        document = msgspec.json.decode(text)
    except (ValueError, RecursionError) as problem:
        raise InvalidInputException(f"Configuration is no JSON: {problem}") from None
    reader = _Reader(document, "Configuration")
    if reader.take("Version") not in (1, 1.0):
        raise InvalidInputException("Configuration needs Version 1.0.")
    output, grouping = reader.inner("CrawlerOutput"), reader.inner("Grouping")
    partitions, tables = output.inner("Partitions"), output.inner("Tables")
    found = Configuration(
        inherit=partitions.choose("AddOrUpdateBehavior", "InheritFromTable"),
        merge_columns=tables.choose("AddOrUpdateBehavior", "MergeNewColumns"),
        threshold=tables.count("TableThreshold"),
        combine=grouping.choose("TableGroupingPolicy", "CombineCompatibleSchemas"),
        level=grouping.count("TableLevelConfiguration"),
        index=reader.flag("CreatePartitionIndex"),
    )
    for part in (partitions, tables, output, grouping, reader):
        part.end()
    return found


class _Reader:
    """One object of the configuration: takes its members, and names those that are left."""

    def __init__(self, document: Any, place: str) -> None:
        if not isinstance(document, dict):
            raise InvalidInputException(f"{place} is no JSON object.")
        self._members = dict(document)
        self._place = place

    def take(self, name: str) -> Any:
        return self._members.pop(name, None)

    def inner(self, name: str) -> "_Reader":
        return _Reader(self._members.pop(name, {}), f"{self._place}.{name}")

    def choose(self, name: str, only: str) -> bool:
        value = self.take(name)
        if value not in (None, only):
            raise InvalidInputException(f"{self._place}.{name} {value!r} is not {only}.")
        return value is not None

    def count(self, name: str) -> int:
        value = self.take(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise InvalidInputException(f"{self._place}.{name} {value!r} is not a number from 1 on.")
        return value or 0

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if value not in (None, True, False):
            raise InvalidInputException(f"{self._place}.{name} {value!r} is not true or false.")
        return bool(value)

    def end(self) -> None:
        if self._members:
            raise InvalidInputException(f"{self._place}: {', '.join(self._members)} is not supported by Clary.")
