"""Inference experiments: a shadow variant beside an endpoint's production variant, for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import inference_experiment_driver as driver
from clary.services.sagemaker import listing, pipeline_operations, resources, roles
from clary.services.sagemaker.errors import ConflictException, ResourceNotFound, ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.resources import INFERENCE_EXPERIMENT, MODEL
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Record

_DAY = 24 * 3600.0
_NOT_DONE = (
    NotDone("KmsKey", "encryption with a KMS key"),
    NotDone("DataStorageConfig.KmsKey", "encryption with a KMS key"),
)
_VARIANT_STATUS = {"Created": "Creating", "Starting": "Creating", "Running": "InService", "Stopping": "Updating"}
_CHANGEABLE = ("Description", "Schedule", "ModelVariants", "DataStorageConfig", "ShadowModeConfig")


@operation
def create_inference_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record; the experiment starts at once, or when its time has come."""
    refuse(request, _NOT_DONE)
    roles.check(call, request["RoleArn"])
    _check_variants(call, request)
    now = call.rooms.clock.now()
    schedule = {"StartTime": now, **request.get("Schedule", {})}
    schedule = {"EndTime": schedule["StartTime"] + 7 * _DAY, **schedule}
    _check_schedule(schedule)
    body = {**request, "Schedule": schedule, "Number": call.rooms.clock.hex(8), "LastModifiedTime": now}
    record = resources.create(call, INFERENCE_EXPERIMENT, body, status="Created")
    driver.wake(call.rooms, record.key)
    return {"InferenceExperimentArn": record.body["Arn"]}


@operation
def describe_inference_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The experiment as it stands, and its endpoint."""
    record = _find(call, request["Name"])
    endpoint = call.rooms.records.get(driver.endpoint_key(record))
    deployment = (endpoint.body.get("Deployment") or endpoint.body.get("Pending")) if endpoint else None
    status = _VARIANT_STATUS.get(record.status)
    left = {variant["VariantName"] for variant in deployment["Variants"]} if deployment else set()
    return {
        **_summary(record),
        "Arn": record.body["Arn"],
        "EndpointMetadata": {
            "EndpointName": record.body["EndpointName"],
            "EndpointConfigName": deployment and deployment["EndpointConfigName"],
            "EndpointStatus": endpoint and endpoint.status,
            "FailureReason": (endpoint and endpoint.body.get("FailureReason")) or None,
        },
        "ModelVariants": [
            {**row, "Status": status or ("InService" if row["VariantName"] in left else "Deleted")}
            for row in record.body["ModelVariants"]
        ],
        "DataStorageConfig": record.body.get("DataStorageConfig"),
        "ShadowModeConfig": record.body["ShadowModeConfig"],
    }


@operation
def list_inference_experiments(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the experiments."""
    page = listing.page(call, INFERENCE_EXPERIMENT, request, status=request.get("StatusEquals", ""))
    return listing.answer("InferenceExperiments", page, _summary)


@operation
def start_inference_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Start one that waits for its time."""
    now = call.rooms.clock.now()

    def start(record: Record) -> None:
        _check_status(record, "Created")
        record.body["Schedule"]["StartTime"] = now
        _check_schedule(record.body["Schedule"])
        record.body["LastModifiedTime"] = now
        record.status = "Starting"

    return _change(call, request["Name"], start)


@operation
def update_inference_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change one that waits; of one that runs, its description, its end and the share of the requests."""
    refuse(request, _NOT_DONE)
    record = _find(call, request["Name"])
    changes = {member: request[member] for member in _CHANGEABLE if member in request}
    _check_variants(call, {**record.body, **changes})
    now = call.rooms.clock.now()

    def update(record: Record) -> None:
        _check_status(record, "Created", "Running")
        if record.status == "Running":
            _check_running(record, changes)
        schedule = {**record.body["Schedule"], **changes.get("Schedule", {})}
        _check_schedule(schedule)
        record.body.update({**changes, "Schedule": schedule, "LastModifiedTime": now})

    answer = _change(call, request["Name"], update)
    if record.status == "Running" and "ShadowModeConfig" in changes:
        _set_share(call, record, changes["ShadowModeConfig"])
    return answer


@operation
def stop_inference_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """End one: its shadow variant goes, or takes the place of the production variant."""
    record = _find(call, request["Name"])
    after = _after(record, request)
    state, reason = request.get("DesiredState", "Cancelled"), request.get("Reason", "")
    now = call.rooms.clock.now()

    def stop(record: Record) -> None:
        _check_status(record, "Created", "Running")
        record.body["LastModifiedTime"] = now
        driver.stop(record, after, state, reason, now)

    return _change(call, request["Name"], stop)


@operation
def delete_inference_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget one that is over or has not begun; its endpoint stays."""
    record = _find(call, request["Name"])
    _check_status(record, "Created", *driver.ENDED)
    call.rooms.records.delete(record.key)
    return {"InferenceExperimentArn": record.body["Arn"]}


def _summary(record: Record) -> dict[str, Any]:
    members = ("Name", "Type", "Schedule", "Description", "RoleArn", "CompletionTime", "LastModifiedTime")
    return {
        **{member: record.body.get(member) for member in members},
        "Status": record.status,
        "StatusReason": record.body.get("StatusReason") or None,
        "CreationTime": record.created,
    }


def _find(call: Call, name: str) -> Record:
    key = resources.key_of(call, INFERENCE_EXPERIMENT, name)
    record = call.rooms.records.get(key)
    if record is None:
        raise ResourceNotFound(f"Could not find inference experiment {name}.")
    return record


def _change(call: Call, name: str, function: Any) -> dict[str, Any]:
    record = resources.change(call.rooms, _find(call, name).key, function)
    driver.wake(call.rooms, record.key)
    return {"InferenceExperimentArn": record.body["Arn"]}


def _check_status(record: Record, *wanted: str) -> None:
    if record.status not in wanted:
        raise ConflictException(
            f"The inference experiment {record.body['Name']} is {record.status}, and must be {' or '.join(wanted)}."
        )


def _check_schedule(schedule: dict[str, float]) -> None:
    seconds = schedule["EndTime"] - schedule["StartTime"]
    if not 0 < seconds <= 30 * _DAY:
        raise ValidationException("Schedule: EndTime must be after StartTime, by 30 days at most.")


def _check_variants(call: Call, request: dict[str, Any]) -> None:
    """The two that ShadowModeConfig names, and no others."""
    mode = request["ShadowModeConfig"]
    named = [mode["SourceModelVariantName"], mode["ShadowModelVariants"][0]["ShadowModelVariantName"]]
    given = [row["VariantName"] for row in request["ModelVariants"]]
    if sorted(named) != sorted(given) or len(set(given)) != 2:
        raise ValidationException(
            f"ModelVariants are {', '.join(given)}, and must be the two of ShadowModeConfig: {', '.join(named)}."
        )
    for row in request["ModelVariants"]:
        resources.find(call, MODEL, row["ModelName"])
        if not row["InfrastructureConfig"]["RealTimeInferenceConfig"]["InstanceCount"]:
            raise ValidationException(f"ModelVariants: the InstanceCount of {row['VariantName']} must be at least 1.")


def _check_running(record: Record, changes: dict[str, Any]) -> None:
    body, mode = record.body, changes.get("ShadowModeConfig")
    members = ("ModelVariants", "DataStorageConfig")
    fixed = [member for member in members if member in changes and changes[member] != body.get(member)]
    if changes.get("Schedule", {}).get("StartTime", body["Schedule"]["StartTime"]) != body["Schedule"]["StartTime"]:
        fixed.append("Schedule.StartTime")
    if mode and mode["SourceModelVariantName"] != body["ShadowModeConfig"]["SourceModelVariantName"]:
        fixed.append("ShadowModeConfig.SourceModelVariantName")
    if fixed:
        raise ValidationException(f"{fixed[0]} of an experiment that is Running can't be changed.")


def _set_share(call: Call, record: Record, mode: dict[str, Any]) -> None:
    """Copy another share of the requests from now on."""
    [shadow] = mode["ShadowModelVariants"]
    row = {"VariantName": shadow["ShadowModelVariantName"], "DesiredWeight": shadow["SamplingPercentage"] / 100}
    actor = pipeline_operations.Actor(call.account, call.region, record.body["RoleArn"])
    request = {"EndpointName": record.body["EndpointName"], "DesiredWeightsAndCapacities": [row]}
    pipeline_operations.do(call.rooms, actor, "UpdateEndpointWeightsAndCapacities", request)


def _after(record: Record, request: dict[str, Any]) -> dict[str, Any] | None:
    """The endpoint configuration that a stop leaves; None for what was there before the experiment."""
    mode, actions = record.body["ShadowModeConfig"], request["ModelVariantActions"]
    source, shadow = mode["SourceModelVariantName"], mode["ShadowModelVariants"][0]["ShadowModelVariantName"]
    if unknown := actions.keys() - {source, shadow}:
        raise ValidationException(f"ModelVariantActions: the experiment has no variant {min(unknown)}.")
    asked = (actions.get(source, "Retain"), actions.get(shadow, "Remove"))
    desired = {row["VariantName"]: row for row in request.get("DesiredModelVariants", [])}
    which = {("Retain", "Remove"): "only", ("Remove", "Promote"): "promoted", ("Retain", "Retain"): "both"}.get(asked)
    if which is None:
        raise ValidationException(
            f"ModelVariantActions: {source} can be retained and {shadow} removed or retained, or {shadow} promoted and "
            f"{source} removed; asked for are {asked[0]} and {asked[1]}."
        )
    after = driver.configuration(record, which)
    kept = {"only": source, "promoted": shadow}.get(which)
    if not desired:
        return after if which != "only" else None
    if set(desired) != {kept}:
        raise ValidationException("DesiredModelVariants must be the one variant that stays.")
    after["Request"]["ProductionVariants"] = [driver.as_variant(desired[kept], 1.0)]
    return {**after, "Name": f"{after['Name']}-desired"}
