"""What is kept of a custom classifier, and what it makes of files."""

from typing import Any

from clary.jobs.host import Scope
from clary.store.records import Key, Record
from clary.tables.classify_file import Classifier
from clary.tables.infer_csv import CsvOptions
from clary.wire import Rooms

CLASSIFIER = "glue classifier"


def key_of(scope: Scope, name: str) -> Key:
    """The key of a classifier."""
    return Key(CLASSIFIER, *scope, name)


def find_classifier(rooms: Rooms, scope: Scope, name: str) -> Record | None:
    """A classifier's record; None where there is none."""
    return rooms.records.get(key_of(scope, name))


def to_classifier(body: dict[str, Any]) -> Classifier:
    """A classifier as the crawls use it; `body` is the Classifier of the model."""
    if grok := body.get("GrokClassifier"):
        return Classifier(grok=(grok["Classification"], grok["GrokPattern"], grok.get("CustomPatterns", "")))
    if json := body.get("JsonClassifier"):
        return Classifier(json_path=json["JsonPath"])
    csv = body["CsvClassifier"]
    return Classifier(
        csv=CsvOptions(
            delimiter=csv.get("Delimiter", ""),
            quote=csv.get("QuoteSymbol", ""),
            header=csv.get("ContainsHeader", "UNKNOWN"),
            names=tuple(csv.get("Header") or ()),
            types=tuple(csv.get("CustomDatatypes") or ()) if csv.get("CustomDatatypeConfigured", True) else (),
            single_column=csv.get("AllowSingleColumn", False),
            trimmed=not csv.get("DisableValueTrimming", False),
            serde=csv.get("Serde", "None"),
        )
    )
