"""XGBoost: a case computed by hand, equality with `xgboost.train`, and the container's rules around it."""

import json
import pickle
import re

import numpy as np
import pytest
import xgboost
from scipy.sparse import csr_matrix

from clary.algorithms.base import Run, as_batches
from clary.algorithms.xgboost import HYPERPARAMETERS, XGBoost, most_frequent
from clary.algorithms.xgboost_folds import assign_folds
from clary.algorithms.xgboost_training import parameters_of
from clary.errors import AlgorithmError, ClientError
from clary.formats import Batch, Sparse

RANDOM = np.random.default_rng(7)
FEATURES = RANDOM.normal(size=(300, 5)).astype(np.float32)
FEATURES[RANDOM.random(FEATURES.shape) < 0.1] = np.nan
VALUES = np.nan_to_num(FEATURES) @ np.array([1, -2, 0.5, 0, 3], np.float32)
CLASSES = (VALUES > 0).astype(np.float32)
THREE = np.digitize(VALUES, [-2, 2]).astype(np.float32)
WEIGHTS = RANDOM.random(300).astype(np.float32) + 0.1


def fit(labels, *, features=FEATURES, run=None, validation=None, weights=None, **settings):
    model = XGBoost(**{"num_round": 10, "nthread": 1, **settings})
    return model.fit(features, labels, weights=weights, validation=validation, run=run)


def plain(matrix, **settings):
    return xgboost.train({"nthread": 1, **settings}, matrix, 10)


def lines_of(labels, **more):
    lines = []
    model = fit(labels, run=Run(say=lines.append), **more)
    return model, lines


def trees(booster):
    return booster.get_dump(with_stats=True)


def test_one_split_computed_by_hand():
    # One tree of one split, at an observed value; unregularised, a leaf is its labels' mean: (1+2)/2 and (9+13)/2.
    model = XGBoost(
        **{"num_round": 1, "nthread": 1, "max_depth": 1, "eta": 1, "lambda": 0, "base_score": 0, "min_child_weight": 0}
    ).fit([[0], [1], [2], [3]], [1, 2, 9, 13])
    np.testing.assert_allclose(model.predict([[0.4], [1.9], [2.0], [9]]), [1.5, 1.5, 11, 11], rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tree_method": "hist", "max_bin": 16},
        {"tree_method": "exact"},
        {"tree_method": "approx"},
        {"booster": "dart", "rate_drop": 0.3},
        {"subsample": 0.7, "colsample_bytree": 0.6, "seed": 3},
        {"grow_policy": "lossguide", "max_leaves": 7, "max_depth": 0},
        {"lambda": 3, "alpha": 0.5, "gamma": 0.1, "min_child_weight": 4, "max_delta_step": 2},
        {"monotone_constraints": "(1,-1,0,0,1)", "tree_method": "hist"},
        {"interaction_constraints": "[[0,1],[2,3,4]]", "tree_method": "hist"},
    ],
    ids=lambda settings: ",".join(settings) or "defaults",
)
def test_the_trees_are_those_of_xgboost_train(settings):
    matrix = xgboost.DMatrix(FEATURES, label=CLASSES, weight=WEIGHTS)
    expected = plain(matrix, objective="binary:logistic", **settings)
    model = fit(CLASSES, objective="binary:logistic", weights=WEIGHTS, **settings)
    assert trees(model.boosters[0]) == trees(expected)
    np.testing.assert_array_equal(model.predict(FEATURES), expected.predict(matrix))


@pytest.mark.parametrize(
    ("objective", "labels"),
    [
        ("reg:squarederror", VALUES),
        ("reg:absoluteerror", VALUES),
        ("reg:pseudohubererror", VALUES),
        ("reg:squaredlogerror", abs(VALUES)),
        ("reg:logistic", CLASSES),
        ("reg:gamma", abs(VALUES) + 1),
        ("reg:tweedie", abs(VALUES)),
        ("count:poisson", np.floor(abs(VALUES))),
        ("binary:logitraw", CLASSES),
        ("binary:hinge", CLASSES),
        ("rank:pairwise", CLASSES),
        ("rank:ndcg", CLASSES),
        ("rank:map", CLASSES),
        ("survival:cox", VALUES),
    ],
)
def test_every_objective_gives_what_xgboost_gives(objective, labels):
    matrix = xgboost.DMatrix(FEATURES, label=labels)
    expected = plain(matrix, objective=objective)
    np.testing.assert_array_equal(fit(labels, objective=objective).predict(FEATURES), expected.predict(matrix))


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_several_classes(objective):
    predictions = fit(THREE, objective=objective, num_class=3, num_round=30).predict(FEATURES)
    assert predictions.shape == ((300, 3) if objective == "multi:softprob" else (300,))
    classes = predictions.argmax(axis=1) if predictions.ndim == 2 else predictions
    assert (classes == THREE).mean() > 0.95


def test_survival_times_are_taken_as_exact():
    times = np.exp(VALUES / 4)
    predictions = fit(times, objective="survival:aft", num_round=50).predict(FEATURES)
    assert np.corrcoef(np.log(predictions), np.log(times))[0, 1] > 0.9


def test_a_linear_model():
    model = fit(VALUES, features=np.nan_to_num(FEATURES), booster="gblinear", num_round=200)
    np.testing.assert_allclose(model.predict(np.nan_to_num(FEATURES)), VALUES, atol=0.05)
    assert model.booster == "gblinear"


def test_many_batches_are_as_one():
    batches = [Batch(FEATURES[at : at + 70], CLASSES[at : at + 70], WEIGHTS[at : at + 70]) for at in range(0, 300, 70)]
    for method in ("hist", "exact"):
        apart = fit(None, features=batches, objective="binary:logistic", tree_method=method)
        whole = fit(CLASSES, objective="binary:logistic", tree_method=method, weights=WEIGHTS)
        assert trees(apart.boosters[0]) == trees(whole.boosters[0])


def test_what_a_sparse_row_leaves_out_is_missing_and_rows_may_be_narrow():
    dense = np.where(RANDOM.random(FEATURES.shape) < 0.5, np.nan, np.nan_to_num(FEATURES))
    present = ~np.isnan(dense)
    indptr = np.concatenate([[0], present.sum(axis=1).cumsum()]).astype(np.int64)
    sparse = Sparse(indptr, np.nonzero(present)[1].astype(np.int64), dense[present].astype(np.float32), 5, exact=False)
    left = fit(CLASSES, features=[Batch(sparse, CLASSES)], objective="binary:logistic")
    right = fit(CLASSES, features=dense, objective="binary:logistic")
    assert trees(left.boosters[0]) == trees(right.boosters[0])
    one = Sparse(np.array([0, 1]), np.array([1]), np.array([0.5], np.float32), 2, exact=False)
    np.testing.assert_array_equal(left.predict(one), right.predict([[np.nan, 0.5, np.nan, np.nan, np.nan]]))
    with pytest.raises(ClientError, match="Feature size of libsvm inference data 9 is larger than feature size of tr"):
        left.predict(csr_matrix(np.ones((1, 9), np.float32)))


def test_groups_reach_the_ranking_objectives():
    groups = np.repeat(np.arange(30), 10)
    matrix = xgboost.DMatrix(FEATURES, label=CLASSES, qid=groups)
    expected = plain(matrix, objective="rank:ndcg")
    model = fit(None, features=[Batch(FEATURES, CLASSES, None, groups)], objective="rank:ndcg")
    assert trees(model.boosters[0]) == trees(expected)


# Labels and widths


@pytest.mark.parametrize(
    ("objective", "more", "label", "sentence"),
    [
        ("binary:logistic", {}, 2, "label must be in [0,1] for logistic regression: found 2 in row 8 of channel train"),
        ("binary:hinge", {}, -1, "label must be in [0,1] for logistic regression: found -1 in row 8 of channel train"),
        (
            *("multi:softmax", {"num_class": 2}, 2),
            "label must be in [0, num_class), whole, with num_class 2: found 2 in row 8 of channel train",
        ),
        (
            *("multi:softprob", {"num_class": 2}, 0.5),
            "label must be in [0, num_class), whole, with num_class 2: found 0.5 in row 8 of channel train",
        ),
        ("reg:squarederror", {}, np.nan, "label must be a finite number: found nan in row 8 of channel train"),
        ("count:poisson", {}, -1, "label must be non-negative for Poisson/Tweedie regression."),
        ("reg:gamma", {}, -1, "label must be positive for gamma regression."),
    ],
)
def test_labels_that_an_objective_cannot_learn(objective, more, label, sentence):
    labels = np.where(np.arange(300) == 7, label, CLASSES)
    with pytest.raises(ClientError) as raised:
        fit(labels, objective=objective, **more)
    assert str(raised.value) == sentence


def test_the_row_of_a_bad_label_is_counted_over_all_batches():
    batches = [Batch(FEATURES[:10], CLASSES[:10]), Batch(FEATURES[10:20], CLASSES[10:20] + 5)]
    with pytest.raises(ClientError, match="in row 11 of channel train"):
        fit(None, features=batches, objective="binary:logistic")


def test_a_bad_label_from_a_file_is_named_by_it():
    batches = [Batch(FEATURES[:2], CLASSES[:2]), Batch(FEATURES[:3], CLASSES[:3] + 5, source="train/b", first_row=7)]
    with pytest.raises(ClientError, match=r"found [56] in train/b, row 7"):
        fit(None, features=batches, objective="binary:logistic")


def test_data_without_labels_is_refused():
    with pytest.raises(ClientError, match="Got input data without labels in channel train"):
        fit(None)


def test_validation_of_another_width_is_refused():
    with pytest.raises(ClientError, match="row 1 of channel validation has 4 features, not 5"):
        fit(VALUES, validation=as_batches(FEATURES[:, :4], VALUES))


@pytest.mark.parametrize("width", [4, 6])
def test_rows_of_another_width_are_refused(width):
    with pytest.raises(ClientError, match=f"Feature size of inference data {width} is not consistent with .* 5"):
        fit(VALUES).predict(np.ones((2, width), np.float32))


def test_xgboosts_own_complaint_comes_without_its_stack():
    with pytest.raises(ClientError, match=r"^base_score must be in \(0,1\) for the logistic loss\.$"):
        fit(CLASSES, objective="binary:logistic", base_score=2)


# Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"objective": "multi:softmax"}, "Require input for parameter 'num_class' for multi-classification"),
        ({"num_class": "3"}, "num_class is for multi-classification, not for objective reg:squarederror"),
        ({"eval_metric": "auc"}, "Metric 'auc' can only be applied for classification and ranking problems."),
        ({"eval_metric": "aft-nloglik"}, "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."),
        ({"eval_metric": "nonsense"}, "Hyperparameter eval_metric: 'nonsense' is not in [accuracy, auc, "),
        ({"eval_metric": "rmse@3"}, "Hyperparameter eval_metric: 'rmse@3': only error, ndcg, map take a threshold"),
        ({"eval_metric": "error@x"}, "Hyperparameter eval_metric: 'error@x': 'x' is not a number"),
        ({"monotone_constraints": "(1,0)"}, "monotone_constraints needs tree_method exact or hist"),
        ({"monotone_constraints": "(2)"}, "Hyperparameter monotone_constraints: '(2)' is not a tuple of -1, 0 and 1"),
        ({"monotone_constraints": "__import__('os')"}, "Hyperparameter monotone_constraints: "),
        ({"interaction_constraints": "[[0,1]]"}, "interaction_constraints needs tree_method exact, hist or approx"),
        ({"interaction_constraints": "[0,1]"}, "Hyperparameter interaction_constraints: '[0,1]' is not a list of li"),
        ({"updater": "grow_colmaker,grow_histmaker"}, "updater takes one of grow_colmaker, grow_histmaker, "),
        ({"updater": "shotgun"}, "updater shotgun is for booster gblinear"),
        ({"booster": "gblinear", "updater": "prune"}, "updater of booster gblinear is one of shotgun, coord_descent"),
        ({"process_type": "update", "updater": "refresh"}, "process_type update changes the trees of an existing mo"),
        ({"use_dask_gpu_training": "true"}, "use_dask_gpu_training trains on several GPUs"),
        ({"_num_cv_round": "2"}, "_num_cv_round repeats a cross validation: set _kfold too"),
        ({"_tuning_objective_metric": "train:auc"}, "Hyperparameter _tuning_objective_metric: 'train:auc' is not in"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_do_not_fit_are_refused(settings, sentence):
    with pytest.raises(ClientError) as raised:
        HYPERPARAMETERS.parse({"num_round": "1", **settings})
    assert str(raised.value).startswith(sentence)


def test_xgboost_gets_only_what_differs_from_its_defaults():
    # Passing max_delta_step=0, lambda=1 or eta=0.3 on would change Poisson and linear models.
    given = {"num_round": "1", "objective": "count:poisson", "csv_weights": "1", "reg_alpha": "2", "max_depth": "6"}
    assert parameters_of(HYPERPARAMETERS.parse(given)) == {"objective": "count:poisson", "alpha": 2.0}


def test_cloning_does_not_turn_defaults_into_settings():
    model = XGBoost(num_round=3, objective="count:poisson")
    copy = XGBoost(**model.get_params())
    assert parameters_of(copy.settings()) == parameters_of(model.settings()) == {"objective": "count:poisson"}


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"tree_method": "gpu_hist"}, "tree_method gpu_hist runs as hist on the processor"),
        ({"predictor": "cpu_predictor"}, "predictor has no effect in XGBoost 3"),
        ({"sketch_eps": 0.1}, "sketch_eps has no effect in XGBoost 3"),
        ({"objective": "reg:linear"}, "reg:linear is now deprecated in favor of reg:squarederror."),
        ({"early_stopping_rounds": 2}, "early_stopping_rounds has no effect without a validation channel"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_settings_of_older_containers_are_told_of(setting, line, caplog):
    caplog.set_level("WARNING", "clary.algorithms")
    model = fit(VALUES, **setting)
    assert any(message.startswith(line) for message in caplog.messages), caplog.messages
    np.testing.assert_array_equal(model.predict(FEATURES), fit(VALUES).predict(FEATURES))


# The log and early stopping


def test_each_round_prints_its_metrics_as_the_container_does():
    validation = as_batches(FEATURES[:100], CLASSES[:100])
    _, lines = lines_of(
        CLASSES, num_round=2, objective="binary:logistic", eval_metric="auc,accuracy", validation=validation
    )
    number = r"\d+\.\d{5}"
    assert len(lines) == 2
    for place, line in enumerate(lines):
        names = ("train-auc", "train-accuracy", "validation-auc", "validation-accuracy")
        pattern = rf"\[{place}\]" + "".join(f"#011{name}:{number}" for name in names)
        assert re.fullmatch(pattern, line), line


def test_without_eval_metric_the_objectives_own_is_printed():
    assert lines_of(CLASSES, num_round=1, objective="binary:logistic")[1][0].startswith("[0]#011train-logloss:")


def test_only_the_metrics_asked_for_are_printed():
    assert lines_of(VALUES, num_round=1, eval_metric="r2")[1][0].count("#011") == 1


def test_the_tuners_metric_is_printed_too():
    _, lines = lines_of(VALUES, num_round=1, eval_metric="rmse", _tuning_objective_metric="validation:mae")
    assert [part.split(":")[0] for part in lines[0].split("#011")[1:]] == ["train-rmse", "train-mae"]


@pytest.mark.parametrize("metric", ["logloss", "auc", "f1", None])
def test_early_stopping_keeps_the_best_round(metric):
    noise = RANDOM.permutation(CLASSES[:150])
    features, labels = FEATURES[:150], np.where(RANDOM.random(150) < 0.3, noise, CLASSES[:150])
    more = {"eval_metric": metric} if metric else {}
    model, lines = lines_of(
        labels,
        features=features,
        num_round=200,
        objective="binary:logistic",
        early_stopping_rounds=5,
        validation=as_batches(FEATURES[150:], CLASSES[150:]),
        **more,
    )
    values = [float(line.rsplit(":", 1)[1]) for line in lines]
    rounds = model.boosters[0].num_boosted_rounds()
    best = int(np.argmax(values)) if metric in ("auc", "f1") else int(np.argmin(values))
    assert len(lines) < 200
    assert rounds <= len(lines) - 5
    assert values[rounds - 1] == values[best]


# Cross validation


def test_cross_validation_trains_a_model_a_fold_and_stores_predictions(tmp_path):
    lines = []
    run = Run(say=lines.append, output=tmp_path / "data")
    settings = {"objective": "binary:logistic", "_kfold": 3, "_num_cv_round": 2, "num_round": 4}
    model = fit(
        CLASSES[:200],
        features=FEATURES[:200],
        run=run,
        validation=as_batches(FEATURES[200:], CLASSES[200:]),
        **settings,
    )
    assert len(model.boosters) == 6
    means = [line for line in lines if line.startswith("[4]")]
    assert len(means) == 3
    table = np.loadtxt(tmp_path / "data/predictions.csv", delimiter=",")
    assert table.shape == (300, 3)
    np.testing.assert_array_equal(table[:, 0], CLASSES)
    assert ((table[:, 1] > 0.5) == table[:, 2]).mean() > 0.9
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("xgboost-model*")) == [f"xgboost-model-{i}" for i in range(6)]
    loaded = XGBoost.load(tmp_path)
    single = [booster.predict(xgboost.DMatrix(FEATURES)) for booster in loaded.boosters]
    np.testing.assert_allclose(loaded.predict(FEATURES), np.mean(single, axis=0), rtol=1e-6)


def test_folds_are_disjoint_equal_and_stratified():
    labels = np.array([0] * 30 + [1] * 9)
    fold_of = assign_folds(labels, 39, 3, np.random.default_rng(0))
    assert np.bincount(fold_of).tolist() == [13, 13, 13]
    assert np.bincount(fold_of[labels == 1]).tolist() == [3, 3, 3]


def test_more_folds_than_rows_are_refused():
    with pytest.raises(ClientError, match="_kfold 9 needs as many rows at least; there are 5"):
        fit(VALUES[:5], features=FEATURES[:5], _kfold=9)


def test_cross_validation_on_several_hosts_is_refused():
    with pytest.raises(ClientError, match="_kfold works on one instance, not on 2"):
        fit(VALUES, run=Run(hosts=("algo-1", "algo-2")), _kfold=2)


def test_several_models_vote_on_classes():
    votes = np.array([[1.0, 0, 2], [1, 2, 0], [0, 2, 1]], np.float32)
    assert most_frequent(votes).tolist() == [1, 2, 0]


# Models on disk


def test_json_models_load(tmp_path):
    model = fit(VALUES)
    model.boosters[0].save_model(tmp_path / "xgboost-model.json")
    np.testing.assert_array_equal(XGBoost.load(tmp_path).predict(FEATURES), model.predict(FEATURES))


def test_the_saved_model_is_ubjson_that_plain_xgboost_loads(tmp_path):
    model = fit(VALUES)
    model.save(tmp_path)
    booster = xgboost.Booster(model_file=bytearray((tmp_path / "xgboost-model").read_bytes()))
    assert trees(booster) == trees(model.boosters[0])
    assert json.loads(booster.save_config())["learner"]["objective"]["name"] == "reg:squarederror"


class Trap:
    opened = False

    def __reduce__(self):
        return (setattr, (Trap, "opened", True))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_never_opened(tmp_path, protocol):
    content = pickle.dumps(fit(VALUES).boosters[0] if protocol < 2 else Trap(), protocol)
    (tmp_path / "xgboost-model").write_bytes(content)
    with pytest.raises(ClientError, match=r"xgboost-model is a Python pickle.*save_model\('xgboost-model.json'\)"):
        XGBoost.load(tmp_path)
    assert not Trap.opened


def test_the_old_binary_format_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "xgboost-model").write_bytes(b"\0\0\0\x3f\x04\0\0\0\x03\0\0\0" + bytes(100))
    with pytest.raises(ClientError, match="old binary format is converted with an XGBoost before"):
        XGBoost.load(tmp_path)


@pytest.mark.parametrize("content", [b"{}", b"{L\0\0", b'{"learner": 3}', b""])
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "xgboost-model").write_bytes(content)
    with pytest.raises(AlgorithmError):
        XGBoost.load(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path):
    (tmp_path / ".hidden").write_text("x")
    with pytest.raises(ClientError, match="There is no model file in"):
        XGBoost.load(tmp_path)
