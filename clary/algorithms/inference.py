"""From an endpoint's request to its answer: decode, predict, encode, in the first-party containers' words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.algorithms.base import CSV, JSON, JSON_LINES, RECORDIO_PROTOBUF
from clary.errors import AlgorithmError, ClientError
from clary.formats import decode_request, parse_media_type
from clary.formats.responses import encode_response

if TYPE_CHECKING:
    from clary.algorithms.base import Algorithm, Estimator

ACCEPTS = (JSON, JSON_LINES, RECORDIO_PROTOBUF, CSV)
MEBIBYTE = 1 << 20


class Answer(NamedTuple):
    """What goes back over HTTP."""

    status: int
    body: bytes
    content_type: str = "text/plain"


class Refusal(Exception):
    """A request that the container answers with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, message.encode())


class Responder:
    """Answers requests with a loaded model; algorithms whose container answers otherwise have a subclass."""

    default_accept = JSON

    def __init__(self, algorithm: Algorithm, model: Estimator, environment: Mapping[str, str]) -> None:
        self.algorithm = algorithm
        self.model = model
        self.default_accept = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or self.default_accept
        self.max_body = max_body(environment)

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """The answer to one POST /invocations; raises Refusal."""
        self.check_content_type(content_type)
        wanted = self.choose_accept(accept)
        try:
            batch = decode_request(body, content_type, text=self.algorithm.text)
            rows = self.model.respond_verbosely(batch) if _is_verbose(wanted) else self.model.respond(batch)
        except (ClientError, AlgorithmError) as error:
            raise Refusal(400, f"Unable to evaluate payload provided: {error}") from None
        return Answer(200, *encode_response(rows, wanted, self.model.answer_name))

    def check_content_type(self, text: str) -> None:
        """Raise Refusal 415 for a content type that the container doesn't take."""
        if parse_media_type(text).name not in self.algorithm.content_types:
            supported = ", ".join(self.algorithm.content_types)
            raise Refusal(415, f"Content-type {text or 'unset'} not supported. Supported content-type is {supported}")

    def choose_accept(self, text: str) -> str:
        """The first type of an Accept header that can be answered; Refusal 406 where there is none."""
        for part in text.split(",") if text.strip() else [self.default_accept]:
            media = parse_media_type(part).name
            if media in ("*/*", ""):
                return self.default_accept
            if media in ACCEPTS:
                return part.strip().lower()
        raise Refusal(406, f"Accept type {text} is not supported. Please use one of: {', '.join(ACCEPTS)}")

    def execution_parameters(self) -> dict[str, Any]:
        """What a batch transform asks before it starts."""
        return {
            "MaxConcurrentTransforms": os.cpu_count() or 1,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": self.max_body // MEBIBYTE,
        }


def _is_verbose(accept: str) -> bool:
    """Whether a chosen Accept type asks for all there is: `application/json; verbose=true`."""
    return parse_media_type(accept).parameters.get("verbose", "").lower() == "true"


def max_body(environment: Mapping[str, str]) -> int:
    """Bytes of a request body: 6 MiB, or more where the environment (a batch transform sets it) says so."""
    limit = int(environment.get("MAX_CONTENT_LENGTH") or 6 * MEBIBYTE)
    return max(limit, int(environment.get("SAGEMAKER_MAX_PAYLOAD_IN_MB") or 0) * MEBIBYTE)
