"""What CreateHyperParameterTuningJob's model cannot say: strategies and limits, definitions, objectives and ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary import algorithms
from clary.services.sagemaker import training_job, tuning_definition
from clary.services.sagemaker.errors import ResourceLimitExceeded, ValidationException
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.tuning_stopping import resources_of
from clary.tuning import Categorical, suggest
from clary.tuning.ranges import as_text

if TYPE_CHECKING:
    from clary.tuning import Space
    from clary.wire import Call

MOST_PARALLEL, MOST_TRIALS, MOST_RANDOM = 100, 750, 10_000
"""AWS's quotas at their highest."""
MOST_EPOCHS = 20_000

NOT_DONE = (
    NotDone("Autotune", "Autotune"),
    NotDone("HyperParameterTuningJobConfig.ParameterRanges.AutoParameters", "Autotune"),
    NotDone("TrainingJobDefinition.HyperParameterRanges.AutoParameters", "Autotune"),
    NotDone("TrainingJobDefinitions.HyperParameterRanges.AutoParameters", "Autotune"),
)


def check(call: Call, request: dict[str, Any]) -> None:
    """Raise ValidationException for a tuning job that could not run as it was asked for."""
    refuse(request, NOT_DONE)
    _check_definitions(request)
    config = request["HyperParameterTuningJobConfig"]
    spaces = [_check_definition(call, request, definition) for definition in tuning_definition.all_of(request)]
    _check_strategy(config, tuning_definition.all_of(request), spaces)
    _check_limits(config, spaces)


def _check_definitions(request: dict[str, Any]) -> None:
    """One definition, or several with names, objectives and ranges of their own."""
    several = request.get("TrainingJobDefinitions")
    if bool(several) == bool(request.get("TrainingJobDefinition")):
        raise ValidationException(
            "Exactly one of TrainingJobDefinition and TrainingJobDefinitions must be given; this request has "
            f"{'both' if several else 'neither'}."
        )
    if not several:
        return
    names = [definition.get("DefinitionName", "") for definition in several]
    if not all(names) or len(set(names)) < len(names):
        raise ValidationException("Each of TrainingJobDefinitions must have a DefinitionName of its own.")
    config = request["HyperParameterTuningJobConfig"]
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        if config.get(member):
            own = "TuningObjective" if member != "ParameterRanges" else "HyperParameterRanges"
            raise ValidationException(
                f"HyperParameterTuningJobConfig.{member} goes with TrainingJobDefinition. With TrainingJobDefinitions, "
                f"give each definition its {own}."
            )
    if len({tuning_definition.objective_of(request, definition).get("Type") for definition in several}) > 1:
        raise ValidationException("The objectives of all TrainingJobDefinitions must have the same Type.")


def _check_definition(call: Call, request: dict[str, Any], definition: dict[str, Any]) -> Space:
    """What is searched for a definition of which at least the first trial may run."""
    config, name = request["HyperParameterTuningJobConfig"], request["HyperParameterTuningJobName"]
    for own, common in (
        ("TuningObjective", "HyperParameterTuningJobObjective"),
        ("HyperParameterRanges", "ParameterRanges"),
    ):
        if definition.get(own) and config.get(common):
            raise ValidationException(
                f"{own} of the training job definition and HyperParameterTuningJobConfig.{common} exclude each other."
            )
    objective = tuning_definition.objective_of(request, definition)
    if not objective:
        raise ValidationException(
            "A metric is required for this hyperparameter tuning job objective. Provide a "
            "HyperParameterTuningJobObjective."
        )
    _check_objective(objective, definition)
    space = tuning_definition.space_of(request, definition)
    _check_static(request, definition, objective, space)
    whole = {**definition, "ResourceConfig": tuning_definition.resources_of(definition)}
    values = suggest("Grid" if config["Strategy"] == "Grid" and _is_grid(space) else "Random", space, seed=0, number=0)
    texts = {key: as_text(value) for key, value in values.items()}
    training_job.check(call, tuning_definition.training_request(request, whole, name, texts))
    return space


def _check_objective(objective: dict[str, Any], definition: dict[str, Any]) -> None:
    image = tuning_definition.image_of(definition)
    name, algorithm = objective["MetricName"], image.uri or image.algorithm
    if image.algorithm:
        metrics = {metric.name: metric.direction for metric in algorithms.load(image.algorithm).metrics}
    else:  # a script's own, which may be sought in either direction
        own = definition["AlgorithmSpecification"].get("MetricDefinitions", [])
        metrics = {row["Name"]: objective["Type"] for row in own}
    if name not in metrics:
        raise ValidationException(
            f"The objective metric for the hyperparameter tuning job, [{name}], isn't valid for the [{algorithm}] "
            f"algorithm. Choose a valid objective metric: {', '.join(metrics)}."
        )
    if objective["Type"] != metrics[name]:
        raise ValidationException(
            f"The objective metric type, [{objective['Type']}], that you specified for objective metric, [{name}], "
            f"isn't valid for the [{algorithm}] algorithm. Choose a valid objective metric type: {metrics[name]}."
        )


def _check_static(request: dict[str, Any], definition: dict[str, Any], objective: dict[str, Any], space: Space) -> None:
    table, static = tuning_definition.table_of(request, definition), definition.get("StaticHyperParameters", {})
    tuned = {table[row.name].name for row in space}
    for name in static:
        if name in table and table[name].name in tuned:
            raise ValidationException(
                f"The hyperparameter {name} is in StaticHyperParameters and has a range; it can be one of the two only."
            )
    if static.get(tuning_definition.OBJECTIVE, objective["MetricName"]) != objective["MetricName"]:
        raise ValidationException(
            f"StaticHyperParameters.{tuning_definition.OBJECTIVE} is not the tuning job's objective metric, "
            f"{objective['MetricName']}. Leave it out: it is set for you."
        )


def _is_grid(space: Space) -> bool:
    return all(isinstance(row, Categorical) for row in space)


def _check_strategy(config: dict[str, Any], definitions: list[dict[str, Any]], spaces: list[Space]) -> None:
    strategy = config["Strategy"]
    if strategy == "Grid" and not all(map(_is_grid, spaces)):
        raise ValidationException("Strategy Grid searches CategoricalParameterRanges only.")
    if strategy != "Grid" and not all(space.ranges for space in spaces):
        raise ValidationException(f"Strategy {strategy} needs at least one parameter range to search.")
    if strategy != "Hyperband":
        if config.get("StrategyConfig", {}).get("HyperbandStrategyConfig"):
            raise ValidationException(f"HyperbandStrategyConfig goes with strategy Hyperband, not with {strategy}.")
        return
    if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        raise ValidationException(
            "Strategy Hyperband has its own early stopping mechanism: TrainingJobEarlyStoppingType must be Off."
        )
    for definition in definitions:
        least, most = resources_of(config, definition)
        if not 0 < least <= most <= MOST_EPOCHS:
            raise ValidationException(
                "Strategy Hyperband needs HyperbandStrategyConfig.MaxResource, or a number of epochs in "
                f"StaticHyperParameters, with MinResource <= MaxResource <= {MOST_EPOCHS}; MinResource is {least} and "
                f"MaxResource {most or 'unknown'}."
            )


def _check_limits(config: dict[str, Any], spaces: list[Space]) -> None:
    limits, strategy = config["ResourceLimits"], config["Strategy"]
    parallel, most = limits["MaxParallelTrainingJobs"], limits.get("MaxNumberOfTrainingJobs")
    if strategy == "Grid":
        combinations = sum(space.combinations for space in spaces)
        if most not in (None, combinations):
            raise ValidationException(
                f"With strategy Grid, MaxNumberOfTrainingJobs must be the number of all combinations, {combinations}, "
                f"or be left out; it is {most}."
            )
        most = combinations
    elif most is None:
        raise ValidationException(f"ResourceLimits.MaxNumberOfTrainingJobs is required for strategy {strategy}.")
    elif parallel > most:
        raise ValidationException(
            f"MaxParallelTrainingJobs ({parallel}) can't be greater than MaxNumberOfTrainingJobs ({most})."
        )
    quota = MOST_RANDOM if strategy == "Random" else MOST_TRIALS
    for what, asked, highest in (("parallel training jobs", parallel, MOST_PARALLEL), ("training jobs", most, quota)):
        if asked > highest:
            raise ResourceLimitExceeded(
                f"The account-level service limit 'Maximum number of {what} per hyperparameter tuning job' is "
                f"{highest}, with a request of {asked}."
            )
