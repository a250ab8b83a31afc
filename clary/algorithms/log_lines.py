"""The forms of the training log that the real containers write, which tools and metric patterns look for."""

import json
import logging
import sys
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple


class LogForm(NamedTuple):
    """How a container writes a log record, in `logging`'s format language."""

    line: str
    time: str


FIRST_PARTY = LogForm("[%(asctime)s %(levelname)s %(thread)d] %(message)s", "%m/%d/%Y %H:%M:%S")
FRAMEWORK = LogForm("[%(asctime)s:%(levelname)s] %(message)s", "%Y-%m-%d:%H:%M:%S")

logging.getLogger("clary.algorithms").addHandler(logging.NullHandler())  # outside a container: silence


def configure(form: LogForm) -> None:
    """Send the algorithms' log records, and Python's warnings, to standard output in a container's form."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(form.line, form.time))
    log = logging.getLogger("clary.algorithms")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False

    def show(message: Warning | str, *_: Any, **_more: Any) -> None:
        log.warning("%s", str(message).strip())

    warnings.simplefilter("default")
    warnings.showwarning = show


def log_of(algorithm: str) -> logging.Logger:
    """The logger of an algorithm."""
    return logging.getLogger(f"clary.algorithms.{algorithm}")


def quality_metric(host: str, epoch: int, name: str, value: float, *, higher_is_better: bool) -> str:
    """`#quality_metric: host=algo-1, epoch=0, train cross_entropy <loss>=0.30`."""
    kind = "score" if higher_is_better else "loss"
    return f"#quality_metric: host={host}, epoch={epoch}, {name} <{kind}>={value}"


def test_score(host: str, name: str, value: float) -> str:
    """`#test_score (algo-1) : ('accuracy', 0.92)`."""
    return f"#test_score ({host}) : ({name!r}, {value})"


def progress(host: str, percent: float) -> str:
    """`#progress_metric: host=algo-1, completed 5 % of epochs`."""
    return f"#progress_metric: host={host}, completed {percent} % of epochs"


def throughput(host: str, records_per_second: float) -> str:
    """`#throughput_metric: host=algo-1, train throughput=195.1 records/second`."""
    return f"#throughput_metric: host={host}, train throughput={records_per_second} records/second"


def metrics(
    algorithm: str, host: str, operation: str, start: float, end: float, values: Mapping[str, float], **more: Any
) -> str:
    """`#metrics {json}`: each value with sum, count, min and max; `more` are further dimensions (epoch, Meta)."""
    block = {
        "StartTime": start,
        "EndTime": end,
        "Dimensions": {"Algorithm": algorithm, "Host": host, "Operation": operation, **more},
        "Metrics": {
            name: {"sum": float(value), "count": 1, "min": value, "max": value} for name, value in values.items()
        },
    }
    return f"#metrics {json.dumps(block)}"
