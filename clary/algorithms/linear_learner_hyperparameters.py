"""Linear Learner's settings: the table, and what `auto` stands for.

Sources: the developer guide's page of Linear Learner's hyperparameters, the SDK's validators, and the default
configurations and the best models that real containers logged.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from clary.algorithms.hyperparameters import Boolean, Categorical, Continuous, Hyperparameters, Integer, Text

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"
LOSSES = {
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss",),
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
"""The losses of each kind of predictor; the first is what `auto` stands for."""
CRITERIA = (
    "accuracy",
    "f1",
    "f_beta",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "cross_entropy_loss",
    "loss_function",
)
AUTO = ("auto",)


def _check_together(values: dict[str, Any]) -> Iterator[str]:
    """What only all values together can tell."""
    kind, loss = values["predictor_type"], values["loss"]
    if kind == MULTICLASS and values["num_classes"] < 3:
        yield (
            f"Hyperparameter num_classes: {values['num_classes']} is not in [3, 1000000], which the predictor_type "
            f"{MULTICLASS} needs; for two classes there is {BINARY}"
        )
    if loss != "auto" and loss not in LOSSES[kind]:
        yield f"Hyperparameter loss: {loss!r} is not in [auto, {', '.join(LOSSES[kind])}], the losses of a {kind}"


def _auto_rate(name: str, text: str, **more: Any) -> Continuous:
    return Continuous(name, text, "auto", words=AUTO, **more)


def _auto_switch(name: str, text: str) -> Boolean:
    return Boolean(name, text, "auto", words=AUTO)


HYPERPARAMETERS = Hyperparameters(
    Categorical("predictor_type", "What is predicted.", required=True, choices=tuple(LOSSES)),
    Integer(
        "num_classes",
        "Classes of a multiclass_classifier, which needs 3 or more; others ignore it.",
        1,
        minimum=1,
        maximum=1000000,
    ),
    Integer("feature_dim", "The number of columns; auto: what the data has.", "auto", words=AUTO, minimum=1),
    Integer("epochs", "The most passes over the data.", 15, minimum=1),
    Integer("mini_batch_size", "Rows of one step.", 1000, minimum=1, tunable=(100, 5000)),
    Integer(
        "num_models",
        "Models trained side by side, of which the best is kept; auto: one for each point of the grid of what is auto "
        "among learning_rate, l1, wd and the schedule, 32 at most.",
        "auto",
        words=AUTO,
        minimum=1,
    ),
    Categorical(
        "loss",
        "The loss that is minimised; auto: logistic, softmax_loss or squared_loss by predictor_type.",
        "auto",
        choices=("auto", *(loss for losses in LOSSES.values() for loss in losses)),
    ),
    Categorical(
        "optimizer", "How a step is made; auto: adam.", "auto", choices=("auto", "sgd", "adam", "adagrad", "rmsprop")
    ),
    _auto_rate(
        "learning_rate",
        "The step size; auto: by optimizer, several are tried.",
        above=0,
        tunable=(1e-5, 1.0, "Logarithmic"),
    ),
    _auto_rate(
        "l1", "The weight of the L1 norm; auto: several are tried.", minimum=0, tunable=(1e-7, 1.0, "Logarithmic")
    ),
    _auto_rate(
        "wd",
        "The weight of the squared L2 norm; auto: several are tried.",
        minimum=0,
        tunable=(1e-7, 1.0, "Logarithmic"),
    ),
    _auto_rate("momentum", "The momentum of sgd; auto: 0.", minimum=0, below=1),
    _auto_rate("beta_1", "The decay of adam's first moment; auto: 0.9.", minimum=0, below=1),
    _auto_rate("beta_2", "The decay of adam's second moment; auto: 0.999.", minimum=0, below=1),
    _auto_rate("bias_lr_mult", "The bias' step size in terms of the weights'; auto: 1.", above=0),
    _auto_rate("bias_wd_mult", "The bias' wd in terms of the weights'; auto: 0.", minimum=0),
    Boolean("use_bias", "Whether there is a bias.", True, tunable=("true", "false")),
    Boolean("use_lr_scheduler", "Whether the step size falls.", True),
    Integer(
        "lr_scheduler_step", "Steps after which the step size falls; auto: 100 and 10.", "auto", words=AUTO, minimum=1
    ),
    _auto_rate("lr_scheduler_factor", "What the step size is then multiplied with; auto: 0.99.", above=0, below=1),
    _auto_rate("lr_scheduler_minimum_lr", "Where it stops to fall; auto: 1e-5 and 1e-4.", above=0),
    Categorical("init_method", "How the weights are drawn at first.", "uniform", choices=("uniform", "normal")),
    Continuous("init_scale", "They are uniform from -init_scale to init_scale.", 0.07, above=0),
    Continuous("init_sigma", "Or normal of this deviation.", 0.01, above=0),
    Continuous("init_bias", "The bias at first.", 0.0),
    Boolean("normalize_data", "Whether columns are scaled to a deviation of 1; auto: true.", True, words=AUTO),
    _auto_switch("normalize_label", "Whether labels are, by a regressor; auto: true."),
    _auto_switch("unbias_data", "Whether dense columns are shifted to a mean of 0; auto: as use_bias."),
    _auto_switch("unbias_label", "Whether labels are, by a regressor; auto: as use_bias."),
    Integer("num_point_for_scaler", "First rows that give the means and deviations.", 10000, minimum=1),
    Continuous("margin", "The margin of hinge_loss.", 1.0, minimum=0),
    Continuous("quantile", "The quantile of quantile_loss.", 0.5, above=0, below=1),
    Continuous("huber_delta", "Errors beyond it count linearly in huber_loss.", 1.0, above=0),
    Continuous("loss_insensitivity", "Errors up to it don't count in the eps_insensitive losses.", 0.01, above=0),
    Integer("early_stopping_patience", "Epochs without improvement after which training ends.", 3, minimum=1),
    Continuous("early_stopping_tolerance", "The least relative improvement that counts as one.", 0.001, above=0),
    Categorical(
        "binary_classifier_model_selection_criteria",
        "What a binary_classifier's threshold and the choice among models optimise on the validation channel.",
        "accuracy",
        choices=CRITERIA,
    ),
    Continuous("target_recall", "The recall of precision_at_target_recall.", 0.8, above=0, below=1),
    Continuous("target_precision", "The precision of recall_at_target_precision.", 0.8, above=0, below=1),
    Integer(
        "num_calibration_samples",
        "Rows that the threshold is chosen on; auto: 100,000.",
        "auto",
        words=AUTO,
        minimum=1,
    ),
    Continuous(
        "positive_example_weight_mult",
        "The weight of label 1 in a binary_classifier's loss; balanced: both labels weigh the same in sum; auto: both "
        "are tried.",
        1.0,
        words=("auto", "balanced"),
        above=0,
        tunable=(1e-5, 1e5, "Logarithmic"),
    ),
    Boolean("balance_multiclass_weights", "Whether all classes weigh the same in sum.", False),
    Integer("accuracy_top_k", "The k of multiclass_top_k_accuracy.", 3, minimum=1),
    Continuous("f_beta", "The beta of binary_f_beta and macro_f_beta.", 1.0, above=0),
    Integer("seed", "Seed of every random choice (Clary's own).", 0, minimum=0),
    Text("_tuning_objective_metric", "The metric that a tuning job watches; then one model is trained."),
    rule=_check_together,
)

# What is tried where a setting is auto; the first of each is what a single model gets.
LEARNING_RATES = {
    "adam": (0.03, 0.1, 0.01, 0.003),
    "sgd": (0.03, 0.1, 0.01, 0.003),
    "adagrad": (0.1, 0.3, 0.03, 0.01),
    "rmsprop": (0.01, 0.03, 0.003, 0.001),
}
REGULARIZATION = {"l1": (0.0, 1e-3), "wd": (1e-4, 1e-2)}
SCHEDULES = ((100, 0.99, 1e-5), (10, 0.99, 1e-4))
NO_SCHEDULE = (1, 1.0, 0.0)
MOST_MODELS = 32
MOST_WEIGHTS = 32 << 20
"""Weights of all models beyond which `auto` means fewer models: with the optimiser's moments they take 384 MiB."""
MOST_SCORES = 16 << 20
"""Scores of all models on a mini-batch beyond which it does: 64 MiB, and as much for each step of the loss."""


class Candidate(NamedTuple):
    """What is different from model to model."""

    learning_rate: float
    l1: float
    wd: float
    lr_scheduler_step: int
    lr_scheduler_factor: float
    lr_scheduler_minimum_lr: float
    positive_weight: float = 1.0
    """The weight of label 1."""


def with_autos(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with a value in place of each `auto`, but for those that differ between models or need the data."""
    regressor = settings["predictor_type"] == REGRESSOR
    values = {
        "loss": LOSSES[settings["predictor_type"]][0],
        "optimizer": "adam",
        "momentum": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "bias_lr_mult": 1.0,
        "bias_wd_mult": 0.0,
        "normalize_data": True,
        "normalize_label": regressor,
        "unbias_data": settings["use_bias"],
        "unbias_label": regressor and settings["use_bias"],
        "num_calibration_samples": 100_000,
    }
    chosen = {name: value for name, value in values.items() if settings[name] == "auto"}
    found = {**settings, **chosen}
    found["normalize_label"] &= regressor  # both are for regressors, the second for those with a bias
    found["unbias_label"] &= regressor and settings["use_bias"]
    return found


def candidates(settings: Mapping[str, Any], width: int, classes: int, balanced: float) -> list[Candidate]:
    """The models to train, the plain one first.

    settings: from `with_autos`
    width, classes: how many columns there are, and scores of a model for each row
    balanced: the weight of label 1 that makes both labels weigh the same in sum
    """
    grid = [
        Candidate._make((rate, l1, wd, *schedule, weight))
        for rate, l1, wd, schedule, weight in product(*_axes(settings, balanced))
    ]
    count = settings["num_models"]
    if settings["_tuning_objective_metric"]:
        count = 1
    elif count == "auto":
        bounds = MOST_WEIGHTS // (width * classes), MOST_SCORES // (settings["mini_batch_size"] * classes)
        count = max(1, min(len(grid), MOST_MODELS, *bounds))
    if count < len(grid):
        others = np.random.default_rng([settings["seed"], 1]).permutation(np.arange(1, len(grid)))
        return [grid[0], *(grid[place] for place in others[: count - 1])]
    return [*grid, *_neighbours(grid, settings, count - len(grid))]


def _axes(settings: Mapping[str, Any], balanced: float) -> Iterator[tuple[Any, ...]]:
    """The values of each setting that differs between models: as it is given, or what is tried."""

    def values(name: str, tried: tuple[float, ...]) -> tuple[float, ...]:
        return tried if settings[name] == "auto" else (settings[name],)

    yield values("learning_rate", LEARNING_RATES[settings["optimizer"]])
    for name, tried in REGULARIZATION.items():
        yield values(name, tried)
    names = ("lr_scheduler_step", "lr_scheduler_factor", "lr_scheduler_minimum_lr")
    given = [settings[name] for name in names]
    schedules = [
        tuple(mine if value == "auto" else value for value, mine in zip(given, schedule, strict=True))
        for schedule in SCHEDULES
    ]
    yield tuple(dict.fromkeys(schedules)) if settings["use_lr_scheduler"] else (NO_SCHEDULE,)
    weight = settings["positive_example_weight_mult"] if settings["predictor_type"] == BINARY else 1.0
    yield (1.0, balanced) if weight == "auto" else (balanced,) if weight == "balanced" else (weight,)


def _neighbours(grid: list[Candidate], settings: Mapping[str, Any], count: int) -> Iterator[Candidate]:
    """More models than the grid has points: its points again, what is auto multiplied by chance with 1/3 to 3."""
    rng = np.random.default_rng([settings["seed"], 1])
    for number in range(count):
        point = grid[number % len(grid)]
        yield point._replace(
            **{
                name: getattr(point, name) * float(3 ** rng.uniform(-1, 1))
                for name in ("learning_rate", "l1", "wd")
                if settings[name] == "auto"
            }
        )
