"""What a request may not ask of one machine: more instances than AWS's default quota, text that no process can hold."""

from __future__ import annotations

from collections.abc import Mapping

from clary.services.sagemaker.errors import ResourceLimitExceeded, ValidationException

MOST_INSTANCES = 20  # AWS's default quota of a training job and of an endpoint; here each instance is a process


def check_instances(count: int, what: str) -> None:
    """Raise ResourceLimitExceeded for more instances than `what` may have."""
    if count > MOST_INSTANCES:
        raise ResourceLimitExceeded(
            f"The account-level service limit 'Maximum number of instances per {what}' is {MOST_INSTANCES} Instances, "
            f"with a request of {count} Instances."
        )


def check_environment(environment: Mapping[str, str], member: str) -> None:
    """Raise ValidationException, naming `member`, for what a job or a worker can't be given."""
    for name, value in environment.items():
        if name.startswith("CLARY_"):  # CLARY_OPT_ML, CLARY_SOCKET: where an algorithm finds its folders and its socket
            raise ValidationException(f"{member}.{name}: names that begin with CLARY_ are Clary's own.")
        if "\0" in value:
            raise ValidationException(f"{member}.{name} has a NUL character, which no environment can hold.")
