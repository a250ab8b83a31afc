"""XGBoost's hyperparameter table, as Amazon's container checks it, and the rules that bind one row to another."""

import ast
from collections.abc import Iterator
from typing import Any

from clary.algorithms.hyperparameters import Categorical, CommaList, Continuous, Hyperparameters, Integer, Text

MAXIMIZED_METRICS = (
    *("accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg"),
    *("precision", "precision_macro", "precision_micro", "r2", "recall", "recall_macro", "recall_micro"),
)
MINIMIZED_METRICS = (
    *("aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy"),
    *("logloss", "mae", "mape", "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle"),
    "tweedie-nloglik",
)
METRIC_NAMES = MAXIMIZED_METRICS + MINIMIZED_METRICS
THRESHOLD_METRICS = ("error", "ndcg", "map")

OBJECTIVES = (
    *("reg:squarederror", "reg:linear", "reg:logistic", "reg:squaredlogerror", "reg:pseudohubererror"),
    *("reg:absoluteerror", "reg:gamma", "reg:tweedie", "count:poisson"),
    *("binary:logistic", "binary:logitraw", "binary:hinge", "multi:softmax", "multi:softprob"),
    *("rank:pairwise", "rank:ndcg", "rank:map", "survival:cox", "survival:aft"),
)

TREE_GROWERS = ("grow_colmaker", "grow_histmaker", "grow_quantile_histmaker")
TREE_UPDATERS = (*TREE_GROWERS, "sync", "refresh", "prune")
LINEAR_UPDATERS = ("shotgun", "coord_descent")

WITHOUT_EFFECT = ("predictor", "sketch_eps", "dsplit", "deterministic_histogram", "prob_buffer_row")
"""Settings of older containers that XGBoost 3 no longer has: they tuned how it computed, not what."""

NOT_FOR_XGBOOST = (
    *("num_round", "csv_weights", "early_stopping_rounds", "_kfold", "_num_cv_round", "_tuning_objective_metric"),
    *("save_model_on_termination", "use_dask_gpu_training", "eval_metric", *WITHOUT_EFFECT),
)
"""Settings of the container, which `xgboost.train` is not given among its parameters."""


def _check_metric(name: str) -> None:
    metric, at, threshold = name.partition("@")
    if not at:
        if name not in METRIC_NAMES:
            raise ValueError(f"{name!r} is not in [{', '.join(METRIC_NAMES)}]")
        return
    if metric not in THRESHOLD_METRICS:
        raise ValueError(f"{name!r}: only {', '.join(THRESHOLD_METRICS)} take a threshold after @")
    try:
        float(threshold.removesuffix("-"))
    except ValueError:
        raise ValueError(f"{name!r}: {threshold!r} is not a number") from None


def _read_monotone(text: str) -> str:
    """`(1,0,-1)`, as it is, once checked."""
    signs = _literal(text, "a tuple of -1, 0 and 1, such as (1,0,-1)")
    if not isinstance(signs, tuple | list) or any(sign not in (-1, 0, 1) for sign in signs):
        raise ValueError(f"{text!r} is not a tuple of -1, 0 and 1, such as (1,0,-1)")
    return f"({','.join(map(str, signs))})"


def _read_interactions(text: str) -> str:
    """`[[0,1],[2,3]]`, as it is, once checked."""
    groups = _literal(text, "a list of lists of column numbers, such as [[0,1],[2,3]]")
    columns = [column for group in groups for column in group] if _is_nested(groups) else [None]
    if any(not isinstance(column, int) or column < 0 for column in columns):
        raise ValueError(f"{text!r} is not a list of lists of column numbers, such as [[0,1],[2,3]]")
    return str([list(group) for group in groups])


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(group, list | tuple) for group in value)


def _literal(text: str, expected: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(f"{text!r} is not {expected}") from None


def _rules(values: dict[str, Any]) -> Iterator[str]:
    yield from _objective_rules(values)
    yield from _booster_rules(values)
    tree_method = values["tree_method"]
    if values["monotone_constraints"] and tree_method not in ("exact", "hist"):
        yield "monotone_constraints needs tree_method exact or hist"
    if values["interaction_constraints"] and tree_method not in ("exact", "hist", "approx"):
        yield "interaction_constraints needs tree_method exact, hist or approx"
    if values["use_dask_gpu_training"] == "true":
        yield "use_dask_gpu_training trains on several GPUs, which this container does not have: set it to false"
    if values["_num_cv_round"] is not None and values["_kfold"] is None:
        yield "_num_cv_round repeats a cross validation: set _kfold too"


def _objective_rules(values: dict[str, Any]) -> Iterator[str]:
    objective, metrics = values["objective"], values["eval_metric"] or ()
    multiclass = objective.startswith("multi:")
    if multiclass and values["num_class"] is None:
        yield "Require input for parameter 'num_class' for multi-classification"
    if not multiclass and values["num_class"] is not None:
        yield f"num_class is for multi-classification, not for objective {objective}"
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        yield "Metric 'auc' can only be applied for classification and ranking problems."
    if "aft-nloglik" in metrics and objective != "survival:aft":
        yield "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."


def _booster_rules(values: dict[str, Any]) -> Iterator[str]:
    updaters = values["updater"] or ()
    if values["booster"] == "gblinear":
        if updaters and (len(updaters) != 1 or updaters[0] not in LINEAR_UPDATERS):
            yield f"updater of booster gblinear is one of {', '.join(LINEAR_UPDATERS)}"
        return
    if linear := [name for name in updaters if name in LINEAR_UPDATERS]:
        yield f"updater {linear[0]} is for booster gblinear"
    if len([name for name in updaters if name in TREE_GROWERS]) > 1:
        yield f"updater takes one of {', '.join(TREE_GROWERS)}, not several"
    if values["process_type"] == "update":
        yield "process_type update changes the trees of an existing model, and a training job starts without one"


def _fraction(name: str, help_: str, default: float | None = None, **more: Any) -> Continuous:
    return Continuous(name, help_, default, minimum=0, maximum=1, **more)


HYPERPARAMETERS = Hyperparameters(
    Integer("num_round", "Rounds of boosting.", required=True, minimum=1, tunable=(1, 4000)),
    Categorical("objective", "What is learned.", "reg:squarederror", choices=OBJECTIVES),
    Integer("num_class", "Classes of a multi: objective.", minimum=2),
    CommaList("eval_metric", "Metrics to print each round; by default the objective's own.", check_item=_check_metric),
    Integer("early_stopping_rounds", "End after so many rounds without a better validation metric.", minimum=1),
    Integer("csv_weights", "1: the second CSV column holds the rows' weights.", 0, minimum=0, maximum=1),
    Categorical(
        "booster", "Trees, trees with dropout, or a linear model.", "gbtree", choices=("gbtree", "gblinear", "dart")
    ),
    _fraction(
        "eta",
        "How much each round's step is shrunk; unset 0.3, for gblinear 0.5.",
        tunable=(0.1, 0.5),
        aliases=("learning_rate",),
    ),
    Continuous(
        "gamma", "Least loss reduction of a split.", 0.0, minimum=0, tunable=(0, 5), aliases=("min_split_loss",)
    ),
    Integer("max_depth", "Deepest tree; 0 means no limit.", 6, minimum=0, tunable=(0, 10)),
    Continuous("min_child_weight", "Least sum of instance weight in a leaf.", 1.0, minimum=0, tunable=(0, 120)),
    Continuous(
        "max_delta_step", "Largest step of a leaf, 0: any; unset 0, for count:poisson 0.7.", minimum=0, tunable=(0, 10)
    ),
    Continuous("subsample", "Share of rows that a round sees.", 1.0, above=0, maximum=1, tunable=(0.5, 1)),
    Continuous("colsample_bytree", "Share of columns that a tree sees.", 1.0, above=0, maximum=1, tunable=(0.5, 1)),
    Continuous("colsample_bylevel", "Share of columns that a level sees.", 1.0, above=0, maximum=1, tunable=(0.1, 1)),
    Continuous("colsample_bynode", "Share of columns that a split sees.", 1.0, above=0, maximum=1, tunable=(0.1, 1)),
    Continuous(
        "lambda", "L2 regularisation; unset 1, for gblinear 0.", minimum=0, tunable=(0, 1000), aliases=("reg_lambda",)
    ),
    Continuous("alpha", "L1 regularisation.", 0.0, minimum=0, tunable=(0, 1000), aliases=("reg_alpha",)),
    Categorical(
        "tree_method",
        "How trees are grown; auto is hist, and gpu_hist runs as hist on the processor.",
        "auto",
        choices=("auto", "exact", "approx", "hist", "gpu_hist"),
    ),
    Integer("max_bin", "Bins a column in hist and approx.", 256, minimum=2),
    Categorical("grow_policy", "Which node splits next.", "depthwise", choices=("depthwise", "lossguide")),
    Integer("max_leaves", "Most leaves of a tree; 0 means no limit.", 0, minimum=0),
    Integer("num_parallel_tree", "Trees a round, for a boosted random forest.", 1, minimum=1),
    Categorical("sampling_method", "How rows are drawn.", "uniform", choices=("uniform", "gradient_based")),
    Continuous("scale_pos_weight", "Weight of positive rows against negative ones.", 1.0, above=0),
    Continuous("base_score", "The first prediction of every row; unset, it is estimated from the labels.", minimum=0),
    Text("monotone_constraints", "Direction of each column's effect, (1,0,-1).", reader=_read_monotone),
    Text("interaction_constraints", "Columns that may meet in a tree, [[0,1],[2,3]].", reader=_read_interactions),
    CommaList("updater", "Steps of growing a tree, or of a linear model.", choices=TREE_UPDATERS + LINEAR_UPDATERS),
    Integer("refresh_leaf", "Whether the refresh updater renews leaves.", minimum=0, maximum=1),
    Categorical("process_type", "Make new trees or update given ones.", "default", choices=("default", "update")),
    Categorical("sample_type", "How dart picks trees to drop.", "uniform", choices=("uniform", "weighted")),
    Categorical("normalize_type", "How dart weighs new trees.", "tree", choices=("tree", "forest")),
    _fraction("rate_drop", "Share of trees that dart drops.", 0.0),
    Integer("one_drop", "Whether dart always drops a tree.", 0, minimum=0, maximum=1),
    _fraction("skip_drop", "Chance that dart drops none in a round.", 0.0),
    _fraction("lambda_bias", "L2 regularisation of a linear model's bias.", 0.0),
    Continuous("tweedie_variance_power", "Shape of the Tweedie distribution.", 1.5, above=1, below=2),
    Categorical("aft_loss_distribution", "Noise of survival:aft.", "normal", choices=("normal", "logistic", "extreme")),
    Continuous("aft_loss_distribution_scale", "Scale of that noise.", 1.0, minimum=0),
    Integer("seed", "Seed of every random choice.", 0, above=-(2**31), below=2**31 - 1),
    Integer("nthread", "Threads; by default all cores that the job has.", minimum=1),
    Integer("verbosity", "0 silent, 1 warnings, 2 information, 3 debugging.", 1, minimum=0, maximum=3),
    Categorical(
        "save_model_on_termination",
        "Keep the model as it is when the job is stopped.",
        "false",
        choices=("true", "false"),
    ),
    Integer("_kfold", "Folds of a cross validation on train and validation together.", minimum=2),
    Integer("_num_cv_round", "How often the cross validation is repeated.", minimum=1),
    Categorical(
        "_tuning_objective_metric",
        "The metric that a tuner looks at; it is printed too.",
        choices=tuple(f"validation:{name}" for name in METRIC_NAMES),
    ),
    Categorical("use_dask_gpu_training", "Train on several GPUs.", "false", choices=("true", "false")),
    Categorical("predictor", "Without effect.", choices=("auto", "cpu_predictor", "gpu_predictor")),
    Continuous("sketch_eps", "Without effect; max_bin takes its place.", above=0, below=1),
    Categorical("dsplit", "Without effect.", choices=("row", "col")),
    Categorical("deterministic_histogram", "Without effect: histograms are.", choices=("true", "false")),
    Integer("prob_buffer_row", "Without effect.", above=1),
    rule=_rules,
)
