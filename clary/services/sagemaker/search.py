"""Search over training and tuning jobs, models, endpoints, model packages, and all of experiments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from clary.services.sagemaker import (
    endpoint_state,
    experiment,
    listing,
    model,
    model_package,
    model_package_group,
    search_expressions,
    training_state,
    trial,
    trial_component,
    tuning_state,
)
from clary.services.sagemaker.errors import ValidationException, not_yet
from clary.services.sagemaker.resources import (
    ENDPOINT,
    EXPERIMENT,
    MODEL,
    MODEL_PACKAGE,
    MODEL_PACKAGE_GROUP,
    TRAINING_JOB,
    TRIAL,
    TRIAL_COMPONENT,
    TUNING_JOB,
    Kind,
)
from clary.store.records import Record
from clary.wire import Call, Rooms, operation
from clary.wire.model import load_model


class Searched(NamedTuple):
    """How a kind of resource is searched."""

    kind: Kind
    describe: Callable[[Rooms, Record], dict[str, Any]]
    """The document that filters and order look at, and that a result holds."""
    result: Callable[[dict[str, Any]], dict[str, Any]]
    """A document as an element of Results."""


def _alone(describe: Callable[[Record], dict[str, Any]]) -> Callable[[Rooms, Record], dict[str, Any]]:
    """A description that needs the record only."""
    return lambda _, record: describe(record)


SEARCHED = {
    "TrainingJob": Searched(TRAINING_JOB, _alone(training_state.describe), lambda document: {"TrainingJob": document}),
    "Model": Searched(MODEL, _alone(model.describe), lambda document: {"Model": {"Model": document}}),
    "Endpoint": Searched(ENDPOINT, _alone(endpoint_state.describe), lambda document: {"Endpoint": document}),
    "ModelPackage": Searched(
        MODEL_PACKAGE, _alone(model_package.describe), lambda document: {"ModelPackage": document}
    ),
    "ModelPackageGroup": Searched(
        MODEL_PACKAGE_GROUP, _alone(model_package_group.describe), lambda document: {"ModelPackageGroup": document}
    ),
    "HyperParameterTuningJob": Searched(
        TUNING_JOB,
        lambda _, record: tuning_state.describe(record, record.modified),
        lambda document: {"HyperParameterTuningJob": document},
    ),
    "Experiment": Searched(EXPERIMENT, _alone(experiment.describe), lambda document: {"Experiment": document}),
    "ExperimentTrial": Searched(TRIAL, _alone(trial.describe), lambda document: {"Trial": document}),
    "ExperimentTrialComponent": Searched(
        TRIAL_COMPONENT, trial_component.found_by_search, lambda document: {"TrialComponent": document}
    ),
}
"""Of every other kind Clary can have no resource, so a search finds none."""

_SHAPES = {
    "HyperParameterTuningJob": "HyperParameterTuningJobSearchEntity",
    "ExperimentTrial": "Trial",
    "ExperimentTrialComponent": "TrialComponent",
}
"""The shape of a document, where it isn't called as the resource is."""


@operation
def search(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The resources that satisfy an expression, sorted, a page at a time."""
    if request.get("VisibilityConditions"):
        raise not_yet("VisibilityConditions", "limiting a search by the caller's tags")
    expression = request.get("SearchExpression")
    if expression:
        search_expressions.check(expression)
    resource = request["Resource"]
    if resource not in SEARCHED or request.get("CrossAccountFilterOption") == "CrossAccount":
        return _page([], request)
    searched = SEARCHED[resource]
    known = {*load_model("sagemaker").shapes[_SHAPES.get(resource, resource)].members, "Metrics"}
    order = request.get("SortBy") or ("LastModifiedTime" if "LastModifiedTime" in known else "CreationTime")
    _check_properties(known, [order, *(search_expressions.names(expression) if expression else ())])
    found = []
    for record in listing.every(call, searched.kind):
        document = searched.describe(call.rooms, record)
        if not expression or search_expressions.matches(_searchable(document), expression):
            found.append(document)
    found = _sorted(found, order, descending=request.get("SortOrder", "Descending") == "Descending")
    return _page([searched.result(document) for document in found], request)


def _searchable(document: dict[str, Any]) -> dict[str, Any]:
    """The document with tags and final metrics by name, as filters speak of them."""
    tags = {tag["Key"]: tag["Value"] for tag in document.get("Tags", [])}
    metrics = {row["MetricName"]: row["Value"] for row in document.get("FinalMetricDataList", [])}
    metrics |= {row["MetricName"]: row for row in document.get("Metrics", [])}
    return {**document, "Tags": tags, "Metrics": metrics}


def _check_properties(known: set[str], names: list[str]) -> None:
    for name in names:
        if name.partition(".")[0].lower() not in {property_.lower() for property_ in known}:
            raise ValidationException(f"Unknown property name: {name}")


def _sorted(documents: list[dict[str, Any]], order: str, *, descending: bool) -> list[dict[str, Any]]:
    """By a property; those that lack it come last."""
    having: list[tuple[list[Any], dict[str, Any]]] = []
    lacking: list[tuple[list[Any], dict[str, Any]]] = []
    for document in documents:
        values = search_expressions.values_at(_searchable(document), order)
        values = [value for value in values if isinstance(value, int | float | str)]
        (having if values else lacking).append((values, document))
    # Numbers and texts don't compare: texts sort after all numbers.
    having.sort(key=lambda pair: [(isinstance(value, str), value) for value in pair[0]], reverse=descending)
    return [document for _, document in [*having, *lacking]]


def _page(results: list[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    shown, token = listing.cut(results, request)
    return {"Results": shown, "NextToken": token, "TotalHits": {"Value": len(results), "Relation": "EqualTo"}}
