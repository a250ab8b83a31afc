"""What an environment is made of: the framework in the version asked for, and the libraries beside it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from clary.config import Settings
from clary.images.versions import parse

FRAMEWORKS = ("scikit-learn", "xgboost", "pytorch")

AWS_VERSIONS = {
    "scikit-learn": {"0.20.0": "0.20.0", "0.23-1": "0.23.2", "1.0-1": "1.0.2", "1.2-1": "1.2.1", "1.4-2": "1.4.2"},
    "xgboost": {
        "0.90-1": "0.90",
        "0.90-2": "0.90",
        "1.0-1": "1.0.0",
        "1.2-1": "1.2.0",
        "1.2-2": "1.2.0",
        "1.3-1": "1.3.3",
        "1.5-1": "1.5.2",
        "1.7-1": "1.7.4",
        "3.0-5": "3.0.5",
        "3.2-0": "3.2.0",
    },
    "pytorch": dict.fromkeys(("2.3.0", "2.4.0", "2.5.1", "2.6.0", "2.7.1", "2.8.0"), ""),
}
"""Framework -> tag -> the version of the library in it, where the tag doesn't say."""

_CUDA_SINCE = (2, 1)  # from here on xgboost's wheel takes gigabytes of CUDA; xgboost-cpu is the same without
_NUMPY_2_SINCE = {"scikit-learn": (1, 4, 2), "xgboost": (2, 1), "pytorch": (2, 3)}
_BESIDE = ("numpy", "scipy", "pandas", "boto3", "PyYAML", "requests", "psutil")

_CUDA = tuple(
    f"nvidia-{name}{suffix}"
    for name in ("cublas", "cudnn", "cuda-runtime", "nccl")
    for suffix in ("", "-cu11", "-cu12", "-cu13")
)


class Recipe(NamedTuple):
    """An environment before it is built."""

    framework: str
    tag: str
    """As the image's tag has it, e.g. 1.2-1."""
    wanted: str
    """The library's version in AWS's image, e.g. 1.2.1."""
    pinned: str = ""
    """The only version that is taken here, whatever was asked for."""

    @property
    def name(self) -> str:
        """How it is called, e.g. scikit-learn:1.2-1."""
        return f"{self.framework}:{self.tag}"

    @property
    def unwanted(self) -> Sequence[str]:
        """What pip may not install: without a GPU CUDA's libraries, gigabytes of them."""
        return () if has_gpu() else _CUDA

    def package(self, version: str) -> str:
        """The distribution that holds a version of the framework."""
        if self.framework == "xgboost" and parse(version) >= _CUDA_SINCE and version != "2.1.0":
            return "xgboost-cpu"
        return {"pytorch": "torch"}.get(self.framework, self.framework)

    def requirements(self, version: str) -> Sequence[str]:
        """All that is installed for a version: old releases break with what is new in numpy and scipy."""
        rows = [f"{self.package(version)}=={version}", *_BESIDE]
        if self.framework != "scikit-learn":
            rows.append("scikit-learn")
        if parse(version) < _NUMPY_2_SINCE[self.framework]:
            rows += ["numpy<2", "pandas<2.3"]
        if self.framework == "scikit-learn" and parse(version) < (1, 4):
            rows += ["scipy<1.12"]
        return rows


def recipe_of(settings: Settings, framework: str, tag: str) -> Recipe:
    """The recipe for a framework's tag. Without a GPU there is one PyTorch: the others bring gigabytes of CUDA."""
    wanted = AWS_VERSIONS[framework].get(tag) or tag.partition("-")[0]
    return Recipe(framework, tag, wanted, settings.torch_version if framework == "pytorch" and not has_gpu() else "")


@cache
def has_gpu() -> bool:
    """Whether this machine shows a device of NVIDIA's."""
    return Path("/dev/nvidiactl").exists()
