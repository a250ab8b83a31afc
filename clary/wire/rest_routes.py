"""The operations of a REST service by method, path, query and headers."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from clary.wire.request import Request, decode_text

if TYPE_CHECKING:
    from clary.wire.registry import Operation


class Candidate(NamedTuple):
    """An operation and what a request must have beside the path."""

    operation: "Operation"
    literals: dict[str, str]  # query parameters of the URI template; an empty value asks for presence only
    parameters: frozenset[str]
    headers: frozenset[str]

    def fits(self, request: Request) -> bool:
        """Whether the request has all of it."""
        return (
            request.query.keys() >= self.parameters
            and request.headers.keys() >= self.headers
            and all(request.parameter(name) == value for name, value in self.literals.items() if value)
        )

    @property
    def rank(self) -> tuple[int, bool, bool]:
        """The operation that asks for most comes first; then one that is there, then one not deprecated."""
        asks = len(self.parameters) + len(self.headers) + sum(map(bool, self.literals.values()))
        return (-asks, self.operation.function is None, self.operation.model.deprecated)


class Template(NamedTuple):
    """A path template with the operations that share it."""

    pattern: re.Pattern[bytes]
    labels: list[str]
    candidates: list[Candidate]


class RestRoutes:
    """Finds the operation of a request and the labels in its path."""

    def __init__(self, operations: Iterable["Operation"]) -> None:
        self._templates: dict[str, dict[str, Template]] = {}
        for operation in operations:
            path, _, query = operation.model.http.request_uri.partition("?")
            by_path = self._templates.setdefault(operation.model.http.method, {})
            template = by_path.setdefault(path, _template(path))
            template.candidates.append(_candidate(operation, query))
        self._methods = {method: _in_order(by_path.values()) for method, by_path in self._templates.items()}

    def find(self, request: Request, path: bytes) -> tuple["Operation", dict[str, str]] | None:
        """The operation and its path labels, percent-decoded; None where no operation fits."""
        for template in self._methods.get(request.method, ()):
            found = template.pattern.fullmatch(path)
            if found:
                for candidate in template.candidates:
                    if candidate.fits(request):
                        texts = (decode_text(part) for part in found.groups())
                        return candidate.operation, dict(zip(template.labels, texts, strict=True))
        return None


def _template(path: str) -> Template:
    labels: list[str] = []
    pattern = ""
    for part in re.split(r"(\{\w+\+?\})", path):
        if part.startswith("{"):
            labels.append(part.strip("{+}"))
            pattern += "(.+)" if part.endswith("+}") else "([^/]+)"
        else:
            pattern += re.escape(part)
    if not path.endswith(("+}", "/")):
        pattern += "/?"
    return Template(re.compile(pattern.encode(), re.DOTALL), labels, [])


def _candidate(operation: "Operation", query: str) -> Candidate:
    literals = {name: value for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)}
    parameters, headers = set(literals), set()
    if operation.model.input:
        shape = operation.service.model.shapes[operation.model.input.shape]
        for name in shape.required:
            member = shape.members[name]
            if member.location == "querystring":
                parameters.add(member.location_name)
            elif member.location == "header":
                headers.add(member.location_name.lower())
    return Candidate(operation, literals, frozenset(parameters), frozenset(headers))


def _in_order(templates: Iterable[Template]) -> list[Template]:
    """Longer literal paths before templates that would swallow them."""
    for template in templates:
        template.candidates.sort(key=lambda candidate: candidate.rank)
    return sorted(templates, key=lambda template: (len(template.labels), -len(template.pattern.pattern)))
