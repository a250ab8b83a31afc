"""Instance types: which have accelerators. What a type means in cores and memory is the job room's to say."""

import re

_GPU = re.compile(r"ml\.(p\d|g\d)")
_NEURON = re.compile(r"ml\.(trn|inf)\d")


def has_gpu(instance_type: str) -> bool:
    """Whether an instance type has an NVIDIA GPU: the P and G families."""
    return bool(_GPU.match(instance_type))


def has_accelerator(instance_type: str) -> bool:
    """Whether an instance type has an accelerator of any kind."""
    return has_gpu(instance_type) or bool(_NEURON.match(instance_type))
