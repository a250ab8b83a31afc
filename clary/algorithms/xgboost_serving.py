"""An XGBoost endpoint's answers, as Amazon's container gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clary.algorithms.base import CSV, JSON, JSON_LINES, LIBSVM, RECORDIO_PROTOBUF
from clary.algorithms.inference import Answer, Refusal, Responder
from clary.algorithms.log_lines import log_of
from clary.algorithms.xgboost import DELIMITERS, XGBoost
from clary.algorithms.xgboost_row import RowPredictor
from clary.algorithms.xgboost_selection import Selection
from clary.errors import AlgorithmError
from clary.formats import Batch, decode_request, parse_media_type
from clary.formats.responses import encode_response

if TYPE_CHECKING:
    from clary.algorithms.base import Algorithm, Estimator

log = log_of("xgboost")

ACCEPTS = (JSON, JSON_LINES, RECORDIO_PROTOBUF, CSV)
CSV_ANSWER = "text/csv; charset=utf-8"
FORMAT_NAMES = {CSV: "csv", LIBSVM: "libsvm", RECORDIO_PROTOBUF: "recordio-protobuf"}


class XGBoostResponder(Responder):
    """One score a row; CSV unless asked otherwise. SAGEMAKER_INFERENCE_OUTPUT selects what else is told of a row."""

    default_accept = CSV

    def __init__(self, algorithm: Algorithm, model: Estimator, environment: Mapping[str, str]) -> None:
        super().__init__(algorithm, model, environment)
        assert isinstance(model, XGBoost)
        if environment.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") != "true":
            model.boosters = model.boosters[:1]
        self.batch = bool(environment.get("SAGEMAKER_BATCH"))
        threads = int(environment.get("OMP_NUM_THREADS") or 1) if self.batch else 1  # an endpoint's rows are too few
        for booster in model.boosters:
            booster.set_param("nthread", threads)
        self.model: XGBoost = model
        wanted = environment.get("SAGEMAKER_INFERENCE_OUTPUT")
        self.selection = Selection(wanted, model) if wanted is not None else None
        log.info("Model objective : %s", model.objective)
        # dart's sums are rounded otherwise there, and a linear model has no such function.
        plain = len(model.boosters) == 1 and model.booster == "gbtree" and not self.batch and self.selection is None
        self._row = RowPredictor(model.boosters[0]) if plain else None

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """The answer to one POST /invocations; raises Refusal."""
        if self._row and content_type == CSV and accept in ("", CSV, "*/*") and self.default_accept == CSV:
            quick = self._answer_row(self._row, body)
            if quick is not None:
                return quick
        if not body:
            return Answer(204, b"")
        rows = self._decode(body, content_type)
        try:
            predictions = self.model.predict(rows.features)
        except AlgorithmError as error:
            raise Refusal(400, f"Unable to evaluate payload provided: {error}") from None
        return self._encode(predictions, self.choose_accept(accept))

    def choose_accept(self, text: str) -> str:
        """The Accept header without parameters; Refusal 406 where it can't be answered."""
        media = parse_media_type(text).name
        if media in ("", "*/*"):
            return self.default_accept
        if media not in ACCEPTS:
            raise Refusal(
                406,
                f"Accept type {media} is not supported. Please use supported accept types: {list(ACCEPTS)}.",
            )
        return media

    @staticmethod
    def _answer_row(row: RowPredictor, body: bytes) -> Answer | None:
        """One CSV row of numbers; None for anything else."""
        if b"_" in body:  # Python reads 1_000 as a number
            return None
        try:
            scores = row.predict(list(map(float, body.split(b","))))
        except ValueError:
            return None
        return None if scores is None else Answer(200, (",".join(map(repr, scores)) + "\n").encode(), CSV_ANSWER)

    def _decode(self, body: bytes, content_type: str) -> Batch:
        """The rows of a request: features only, whatever label_size says. libsvm where no type is named."""
        media = parse_media_type(content_type or LIBSVM).name
        name = FORMAT_NAMES.get(media)
        if name is None:
            supported = ", ".join(FORMAT_NAMES)
            raise Refusal(415, f"{content_type} is not an accepted ContentType: {supported}.")
        try:
            return decode_request(body, media, missing=True, delimiters=DELIMITERS)
        except AlgorithmError as error:
            raise Refusal(
                415, f"Loading {name} data failed with Exception, please ensure data is in {name} format: {error}"
            ) from None

    def _encode(self, predictions: np.ndarray, accept: str) -> Answer:
        answer_type = CSV_ANSWER if accept == CSV else accept
        if self.selection is not None:
            rows: dict[str, Any] = self.selection.of(predictions)
            if accept == CSV:
                lines = self.selection.csv(rows) + ("\n" if self.batch else "")
                return Answer(200, lines.encode(), answer_type)
        else:
            rows = {"score": predictions}
            if self.batch:
                return Answer(200, ("\n".join(map(str, predictions.tolist())) + "\n").encode(), answer_type)
            if accept == CSV:
                return Answer(200, _csv(predictions).encode(), answer_type)
        return Answer(200, encode_response(rows, accept)[0], answer_type)


def _csv(predictions: np.ndarray) -> str:
    """A line a row: its score, or its scores with commas."""
    values = predictions.tolist()
    if predictions.ndim == 2:
        return "".join(f"{','.join(map(repr, row))}\n" for row in values)
    return "".join(f"{value!r}\n" for value in values)
