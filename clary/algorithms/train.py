"""`python -m clary.algorithms NAME train`: one training job under /opt/ml, as the container contract says."""

import os
import signal
import sys
from typing import Any

from clary import algorithms
from clary.algorithms import log_lines
from clary.algorithms.base import Algorithm, Run, Stopped
from clary.algorithms.channels import check_channels, open_channels
from clary.algorithms.opt_ml import OptMl
from clary.errors import AlgorithmError, ClientError

SUCCESS, ALGORITHM_FAILURE, CLIENT_FAILURE = 0, 1, 2
INTERNAL = "AlgorithmError: Internal error; the training log shows where"


def main(name: str) -> int:
    """Train the algorithm; the exit status, with the reason in output/failure where it isn't 0."""
    # Read when OpenMP is loaded: else waiting threads spin for long, at the cost of whoever shares the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    tree = OptMl.from_environment()
    algorithm = algorithms.load(name)
    log_lines.configure(algorithm.log_form)
    log = log_lines.log_of("train")
    failure = INTERNAL  # what stays where anything but the errors below ends the process, with its traceback in the log
    try:
        train(algorithm, tree)
        failure = ""
    except Stopped:
        failure = ""
        log.info("Training was stopped; there is no model to keep")
    except AlgorithmError as error:
        failure = f"{error.kind}: {error}"
        log.error("%s", failure)
        return CLIENT_FAILURE if isinstance(error, ClientError) else ALGORITHM_FAILURE
    finally:
        if failure:
            tree.failure.parent.mkdir(parents=True, exist_ok=True)
            tree.failure.write_text(failure)
    return SUCCESS


def train(algorithm: Algorithm, tree: OptMl) -> None:
    """Read the configuration, fit the estimator, save the model. Raises AlgorithmError, ClientError, Stopped."""
    log = log_lines.log_of("train")
    run = prepare_run(tree)
    config = tree.input_data()
    given = tree.hyperparameters()
    log.info("Provided configuration: %s", given)
    settings = algorithm.hyperparameters.parse(given)
    log.info("Final configuration: %s", {name: value for name, value in settings.items() if value is not None})
    check_channels(algorithm, config, len(run.hosts))
    estimator = algorithms.estimator(algorithm.name)(**given)
    reading = {name: estimator.reading(name) for name in config}
    channels: dict[str, Any] = dict(open_channels(algorithm, tree, config, reading, run))
    estimator.fit(channels.pop(algorithm.channels[0].name), run=run, **channels)
    if run.first:
        tree.model.mkdir(parents=True, exist_ok=True)
        estimator.save(tree.model)


def prepare_run(tree: OptMl) -> Run:
    """The run that the configuration describes; SIGTERM marks it as stopping."""
    resources = tree.resources()
    run = Run(
        host=resources["current_host"],
        hosts=tuple(resources["hosts"]),
        model=tree.model,
        output=tree.output,
        checkpoints=tree.checkpoints(),
        say=_say,
    )

    def stop(_signal: int, _frame: object) -> None:
        run.stopping = True

    signal.signal(signal.SIGTERM, stop)
    return run


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
