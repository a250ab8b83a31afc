"""What every algorithm is: a declaration (`Algorithm`) and an estimator; and what surrounds a fit (`Run`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from clary.algorithms.hyperparameters import Hyperparameters
from clary.algorithms.log_lines import FIRST_PARTY, LogForm
from clary.errors import ClientError
from clary.formats import Batch, Sparse

CSV, LIBSVM, PARQUET = "text/csv", "text/libsvm", "application/x-parquet"
RECORDIO_PROTOBUF, JSON, JSON_LINES = "application/x-recordio-protobuf", "application/json", "application/jsonlines"

REPLICATED, SHARDED = "FullyReplicated", "ShardedByS3Key"

Batches = Iterable[Batch]
"""Batches of one channel; each `iter()` is one epoch."""


@dataclass(frozen=True)
class Metric:
    """A metric that the training log carries; `pattern` has one group, the value."""

    name: str
    pattern: str
    direction: Literal["Maximize", "Minimize"]


@dataclass(frozen=True)
class Channel:
    """An input channel; `piped_types` are the content types for Pipe mode where they are fewer."""

    name: str
    required: bool
    content_types: tuple[str, ...]
    distributions: tuple[str, ...] = (REPLICATED, SHARDED)
    piped_types: tuple[str, ...] | None = None
    """None: the same as `content_types`."""
    label_size: int | None = None
    """The only `label_size` that a CSV content type may name; None: any."""


@dataclass(frozen=True)
class Example:
    """A tiny data set with settings that train in a moment; what the generated contract tests feed."""

    settings: Mapping[str, str]
    features: Callable[[], np.ndarray]
    """() -> float32 (n, d), or str where rows hold text"""
    labels: Callable[[], np.ndarray] | None = None
    """() -> float32 (n,), for algorithms that learn from labels"""


@dataclass(frozen=True)
class Algorithm:
    """Everything that the rooms outside need to know of an algorithm, without importing what it computes with."""

    name: str
    """The registry repository's name, `kmeans`."""
    title: str
    estimator: str
    """The estimator's class name in the algorithm's module."""
    hyperparameters: Hyperparameters
    metrics: tuple[Metric, ...]
    channels: tuple[Channel, ...]
    example: Example
    input_modes: tuple[str, ...] = ("File", "FastFile", "Pipe")
    default_content_type: str = RECORDIO_PROTOBUF
    """Of a channel that names none, as the SDK's `record_set` leaves it."""
    content_types: tuple[str, ...] = (CSV, JSON, JSON_LINES, RECORDIO_PROTOBUF)
    """What an endpoint accepts."""
    text: bool = False
    """Whether rows hold text instead of numbers."""
    responder: str = "clary.algorithms.inference:Responder"
    """What answers an endpoint's requests, as module:class."""
    log_form: LogForm = FIRST_PARTY
    max_instances: int | None = None
    checkpoints: bool = False
    """Whether AWS's goes on from checkpoints: a managed spot job of one that doesn't may wait for an hour only."""
    gpu: Literal["no", "yes", "only"] = "no"

    def channel(self, name: str) -> Channel | None:
        """The channel of that name, if the algorithm has it."""
        return next((channel for channel in self.channels if channel.name == name), None)


class Stopped(Exception):
    """The job was asked to stop and there is no model to keep."""


@dataclass(slots=True)
class Run:
    """What surrounds a fit: who takes part, where it may write, and whether it should stop.

    A fit outside a container gets `Run()`: alone, nowhere to write but memory, silent.
    """

    host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)
    model: Path | None = None
    """Where the finished model goes; for an algorithm that saves it along the way too."""
    output: Path | None = None
    """/opt/ml/output/data, packed into output.tar.gz."""
    checkpoints: Path | None = None
    stopping: bool = False
    """Set when the job is asked to stop (SIGTERM): a fit that sees it keeps what it has and returns, or raises
    `Stopped` where that is worth nothing."""
    say: Callable[[str], None] = lambda _line: None
    """Prints one line of the training log as it is, without time and level; metrics are read from there."""

    @property
    def rank(self) -> int:
        """This host's place among the hosts, from 0."""
        return self.hosts.index(self.host)

    @property
    def first(self) -> bool:
        """Whether this host is the one that saves the model."""
        return self.rank == 0


class Estimator:
    """Base of the estimators, in scikit-learn's manner: the constructor stores, `fit` checks and learns.

    A subclass names its table in `table` and offers `fit(batches, y=None, *, <channel>=None, run=Run())` -> self,
    `predict(x)`, `save(folder)` and the class method `load(folder)`. `batches` is a (n, d) array with `y` its labels,
    or re-iterable batches (`as_batches` makes the one the other).
    """

    table: ClassVar[Hyperparameters]

    def __init__(self, **settings: Any) -> None:
        self._given: dict[str, Any] = {}
        self.set_params(**settings)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's signature
        """Every hyperparameter as it was given, or its default."""
        return {row.name: self._given.get(row.name, row.default) for row in self.table}

    def set_params(self, **settings: Any) -> Self:
        """Change hyperparameters; they are checked by `fit`."""
        for name, value in settings.items():
            if name not in self.table:
                raise TypeError(f"{type(self).__name__} has no hyperparameter {name!r}")
            self._given[self.table[name].name] = value
        return self

    def settings(self) -> dict[str, Any]:
        """All hyperparameters, checked and parsed; raises ClientError."""
        return self.table.parse({name: value for name, value in self._given.items() if value is not None})

    def settings_for(self, batches: Batches, **usual: Callable[[Batch], Any]) -> dict[str, Any]:
        """The settings for a fit; of an array, its width is `feature_dim`, and `usual` says more, where not given."""
        given = {name: value for name, value in self._given.items() if value is not None}
        if isinstance(batches, ArrayBatches):
            batch = batches.batch
            given = {"feature_dim": batch.width, **{name: find(batch) for name, find in usual.items()}, **given}
        return self.table.parse(given)

    def reading(self, channel: str) -> dict[str, Any]:  # noqa: ARG002
        """Keyword arguments for `formats.read_batches` that this estimator needs for a channel."""
        return {}

    def fit(self, batches: Any, y: Any = None, *, run: Run | None = None) -> Self:
        """Learn from batches, or from an array and its labels."""
        raise NotImplementedError

    def predict(self, x: Any) -> Any:
        """The answer for each row of x, (n, d)."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write the model's files into a folder."""
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The estimator that was saved in a folder."""
        raise NotImplementedError

    answer_name: ClassVar[str] = "predictions"
    """The member of a JSON answer that holds the rows."""

    def respond(self, batch: Batch) -> Mapping[str, Any]:
        """An endpoint's answer to a batch: member -> one value a row. Here `predict` as `score`."""
        return {"score": self.predict(batch.features)}

    def respond_verbosely(self, batch: Batch) -> Mapping[str, Any]:
        """The answer where the Accept header says `verbose=true`; the usual one of an algorithm that knows no more."""
        return self.respond(batch)

    def __sklearn_is_fitted__(self) -> bool:
        return vars(self).keys() != {"_given"}

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn's pipelines ask; scikit-learn is imported only then."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=InputTags(sparse=True))


@dataclass(frozen=True, slots=True)
class ArrayBatches:
    """One array as batches: every epoch is the same batch."""

    batch: Batch

    def __iter__(self) -> Iterator[Batch]:
        yield self.batch


def as_batches(x: Any, y: Any = None, weights: Any = None, *, text: bool = False) -> Batches:
    """Batches as they are, or an (n, d) array (numpy, list or scipy sparse) with its labels as one batch."""
    rows = isinstance(x, Sparse | np.ndarray) or hasattr(x, "tocsr") or hasattr(x, "to_numpy")
    if rows or (isinstance(x, list | tuple) and not (x and isinstance(x[0], Batch))):
        features = as_text(x) if text else as_features(x)
        return ArrayBatches(Batch(features, _as_column(y), _as_column(weights)))
    return x  # type: ignore[no-any-return]


def say_rows(count: int) -> str:
    """`no rows`, `only 1 row` or `only 7 rows`, of a channel that has too few."""
    return {0: "no rows", 1: "only 1 row"}.get(count, f"only {count} rows")


def as_features(x: Any) -> np.ndarray | Sparse:
    """Rows as the estimators take them: float32 (n, d), or Sparse from a scipy matrix."""
    if isinstance(x, Sparse):
        return x
    if hasattr(x, "tocsr"):
        rows = x.tocsr()
        return Sparse(
            np.asarray(rows.indptr, np.int64),
            np.asarray(rows.indices, np.int64),
            np.asarray(rows.data, np.float32),
            int(rows.shape[1]),
        )
    features = np.asarray(x, dtype=np.float32)
    if features.ndim != 2:
        raise ClientError(f"Expected rows of features, an array of 2 dimensions, not of {features.ndim}")
    return features


def as_text(x: Any) -> np.ndarray:
    """Rows of text as the estimators take them: an (n, d) array of str; whole numbers count as their text."""
    rows = np.asarray(x, None if isinstance(x, np.ndarray) else object)
    if rows.ndim != 2 or rows.dtype.kind not in "UOiu":
        raise ClientError(f"Expected rows of text, not an array of {rows.dtype} with {rows.ndim} dimension(s)")
    values = rows.ravel().tolist()
    for at, value in enumerate(values):
        if not isinstance(value, str | int):
            row, column = divmod(at, rows.shape[1])
            raise ClientError(f"row {row + 1}, column {column + 1}: {str(value)[:40]!r} is not a text")
    return np.array(list(map(str, values)), object).reshape(rows.shape)


def _as_column(values: Any) -> np.ndarray | None:
    return None if values is None else np.asarray(values, dtype=np.float32)
