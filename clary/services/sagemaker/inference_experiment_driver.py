"""What an inference experiment does to its endpoint.

`advance` looks at the records and does all that can be done now; it is called, on the background thread, whenever
something may have changed: a request, a settled endpoint, a time that has come, a server that starts. It may be called
once too often and does nothing twice, so a server that is killed anywhere goes on where it was.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.sagemaker import pipeline_operations, resources
from clary.services.sagemaker.endpoint_state import TRANSIENT
from clary.services.sagemaker.resources import ENDPOINT, ENDPOINT_CONFIG, INFERENCE_EXPERIMENT, record_kind
from clary.services.sagemaker.shadow_config import SHADOW_VARIANTS

if TYPE_CHECKING:
    from clary.store.records import Key, Record
    from clary.wire import Rooms

ENDED = ("Completed", "Cancelled")


def wake(rooms: Rooms, key: Key) -> None:
    """Look at an experiment soon."""
    rooms.background.run(resources.arn_of(key), functools.partial(advance, rooms, key))


def endpoint_changed(rooms: Rooms, endpoint: Record) -> None:
    """Look at the experiments on an endpoint that has settled."""
    if endpoint.status in TRANSIENT:
        return
    for record in list(rooms.records.every(record_kind(INFERENCE_EXPERIMENT))):
        if record.status not in ENDED and endpoint_key(record) == endpoint.key:
            wake(rooms, record.key)


def recover(rooms: Rooms) -> None:
    """Go on with what a former server left."""
    for record in list(rooms.records.every(record_kind(INFERENCE_EXPERIMENT))):
        if record.status not in ENDED:
            wake(rooms, record.key)


def advance(rooms: Rooms, key: Key) -> None:
    """Take an experiment as far as it goes now."""
    record = rooms.records.get(key)
    while record is not None and record.status not in ENDED:
        before = record.status
        _STEPS[before](rooms, record)
        record = rooms.records.get(key)
        if record is None or record.status == before:
            break


def endpoint_key(record: Record) -> Key:
    """The key of the endpoint that it is on."""
    name = record.body["EndpointName"].lower()
    return record.key._replace(kind=record_kind(ENDPOINT), name=name)


def stop(record: Record, after: dict[str, Any] | None, state: str, reason: str, now: float) -> None:
    """Note how an experiment is to end; `after` is the endpoint configuration to leave, None for the one before."""
    if record.status == "Created":
        _end(record, state, reason, now)
        return
    record.body.update(After=after or record.body.get("Before"), EndState=state, StatusReason=reason)
    record.status = "Stopping"


def _wait(rooms: Rooms, record: Record) -> None:
    """Created: until its time has come."""
    if _comes_later(rooms, record, "StartTime"):
        return

    def start(record: Record) -> None:
        record.status = "Starting"

    resources.change(rooms, record.key, start)


def _start(rooms: Rooms, record: Record) -> None:
    """Starting: until the endpoint serves both variants."""
    endpoint = rooms.records.get(endpoint_key(record))
    if "Before" not in record.body:  # what the endpoint serves when it is over: what it served, or production alone
        serving = endpoint.body.get("Deployment") if endpoint else None
        before = {"Name": serving["EndpointConfigName"]} if serving else configuration(record, "only")
        record = resources.change(rooms, record.key, lambda record: record.body.update(Before=before))
    problem = _reach(rooms, record, configuration(record, "both"), may_create="Asked" not in record.body)
    if problem is None:
        return

    def go_on(record: Record) -> None:
        record.status = "Running"
        if problem:
            _end(record, "Cancelled", problem, rooms.clock.now())

    resources.change(rooms, record.key, go_on)


def _run(rooms: Rooms, record: Record) -> None:
    """Running: until its end has come."""
    if not _comes_later(rooms, record, "EndTime"):
        now = rooms.clock.now()
        resources.change(rooms, record.key, lambda record: stop(record, None, "Completed", "", now))


def _stop(rooms: Rooms, record: Record) -> None:
    """Stopping: until the endpoint serves what is to be left."""
    problem = _reach(rooms, record, record.body["After"], may_create=False)
    if problem is None:
        return
    state = "Cancelled" if problem else record.body["EndState"]
    reason, now = problem or record.body.get("StatusReason", ""), rooms.clock.now()
    resources.change(rooms, record.key, lambda record: _end(record, state, reason, now))


_STEPS = {"Created": _wait, "Starting": _start, "Running": _run, "Stopping": _stop}


def _end(record: Record, state: str, reason: str, now: float) -> None:
    record.body.update(StatusReason=reason, CompletionTime=now)
    record.status = state


def _comes_later(rooms: Rooms, record: Record, member: str) -> bool:
    """Whether a time of its schedule is still to come; then it is looked at again at that time."""
    seconds = record.body["Schedule"][member] - rooms.clock.now()
    if seconds <= 0:
        return False
    again = functools.partial(advance, rooms, record.key)
    rooms.background.run_later((resources.arn_of(record.key), "time"), again, seconds)
    return True


def _reach(rooms: Rooms, record: Record, target: dict[str, Any], *, may_create: bool) -> str | None:
    """Bring the endpoint to a configuration: "" when it serves it, a sentence when it never will, None meanwhile."""
    endpoint, name = rooms.records.get(endpoint_key(record)), target["Name"]
    if endpoint is not None and endpoint.status in TRANSIENT:
        return None
    if endpoint is not None and endpoint.status == "InService":
        if endpoint.body["Deployment"]["EndpointConfigName"] == name:
            return ""
    elif not may_create:
        return (endpoint and endpoint.body.get("FailureReason")) or "The endpoint is not in service."
    if record.body.get("Asked") == name:
        return (endpoint and endpoint.body.get("FailureReason")) or "The endpoint was changed by others."
    try:
        _ask(rooms, record, target, "UpdateEndpoint" if endpoint is not None else "CreateEndpoint")
    except ServiceError as error:
        return error.message
    resources.change(rooms, record.key, lambda record: record.body.update(Asked=name))
    return None


def _ask(rooms: Rooms, record: Record, target: dict[str, Any], operation: str) -> None:
    actor = pipeline_operations.Actor(record.key.account, record.key.region, record.body["RoleArn"])
    name = target["Name"]
    config = record.key._replace(kind=record_kind(ENDPOINT_CONFIG), name=name.lower())
    if "Request" in target and rooms.records.get(config) is None:
        request = {"EndpointConfigName": name, **target["Request"]}
        pipeline_operations.do(rooms, actor, "CreateEndpointConfig", request)
    names = {"EndpointName": record.body["EndpointName"], "EndpointConfigName": name}
    pipeline_operations.do(rooms, actor, operation, names)


def configuration(record: Record, which: str) -> dict[str, Any]:
    """The endpoint configuration that serves `both` variants, the production one `only`, or the shadow `promoted`."""
    body = record.body
    mode, variants = body["ShadowModeConfig"], {row["VariantName"]: row for row in body["ModelVariants"]}
    [shadow] = mode["ShadowModelVariants"]
    production = variants[mode["SourceModelVariantName"]]
    request: dict[str, Any] = {"ProductionVariants": [as_variant(production, 1.0)]}
    if which == "promoted":
        request["ProductionVariants"] = [as_variant(variants[shadow["ShadowModelVariantName"]], 1.0)]
    if which == "both":
        weight = shadow["SamplingPercentage"] / 100
        request[SHADOW_VARIANTS] = [as_variant(variants[shadow["ShadowModelVariantName"]], weight)]
        if storage := body.get("DataStorageConfig"):
            request["DataCaptureConfig"] = _capture(storage)
    return {"Name": f"{body['Name'][:36]}-{body['Number']}-{which}", "Request": request}


def as_variant(row: dict[str, Any], weight: float) -> dict[str, Any]:
    """A ModelVariantConfig as an endpoint configuration has it."""
    place = row["InfrastructureConfig"]["RealTimeInferenceConfig"]
    return {
        "VariantName": row["VariantName"],
        "ModelName": row["ModelName"],
        "InstanceType": place["InstanceType"],
        "InitialInstanceCount": place["InstanceCount"],
        "InitialVariantWeight": weight,
    }


def _capture(storage: dict[str, Any]) -> dict[str, Any]:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": storage["Destination"],
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    if "ContentType" in storage:
        capture["CaptureContentTypeHeader"] = storage["ContentType"]
    return capture
