"""Elastic Inference: an AcceleratorType as its fraction of an accelerator, which on this machine is CPU threads."""

from clary.sandbox.limits import available_cores

_FRACTIONS = {"medium": 4, "large": 2, "xlarge": 1}  # 1, 2 and 4 TFLOPS


def threads_of(accelerator_type: str) -> int:
    """The threads that stand for an accelerator; 0, which is no limit, where none is asked for."""
    if not accelerator_type:
        return 0
    return max(1, available_cores() // _FRACTIONS[accelerator_type.rpartition(".")[2]])


def explanation(accelerator_type: str) -> str:
    """What the endpoint's log says of it."""
    share = _FRACTIONS[accelerator_type.rpartition(".")[2]]
    return (
        f"{accelerator_type}: no elastic accelerator can be attached to this machine; in its place the container gets "
        f"1/{share} of the CPU threads, {threads_of(accelerator_type)} of {available_cores()}."
    )
