"""Image URIs: which built-in algorithm an image is, in any region and account that AWS documents."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from clary import algorithms
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.registries import ACCOUNTS, FAMILIES, REPOSITORIES

XGBOOST_VERSIONS = ("0.90-1", "0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.3-1", "1.5-1", "1.7-1", "3.0-5", "3.2-0")
_CPU_ONLY = ("0.90-1", "0.90-2", "1.0-1")

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+"
    r"/(?P<repository>[a-z0-9._/-]+?)(:(?P<tag>[A-Za-z0-9_.-]+))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_XGBOOST_TAG = re.compile(r"(?P<version>[0-9.]+-[0-9]+)(-(cpu|gpu)-py3)?")


class Image(NamedTuple):
    """A built-in algorithm's image."""

    uri: str
    """As it was given; empty where AlgorithmName named the algorithm."""
    algorithm: str
    """Its name in `clary.algorithms`."""
    version: str
    cpu_only: bool = False
    """Whether this version refuses GPU instances where later ones take them."""

    @property
    def warnings(self) -> list[str]:
        """What the log should say about the choice."""
        if self.version != "latest":
            return []
        return [f"Warning: the image tag :latest of {self.algorithm} is not for production; use :1 or a version."]


def resolve(uri: str, member: str) -> Image:
    """The algorithm behind an image URI; ValidationException, naming `member`, where it is none that Clary runs."""
    match = _URI.fullmatch(uri)
    if match is None or match["repository"] not in REPOSITORIES:
        raise ValidationException(
            f"{member}: {uri!r} is not the image of a built-in algorithm. Images of your own and framework images are "
            "not supported by Clary yet."
        )
    _check_account(uri, member, **match.groupdict(""))
    if match["digest"]:
        raise ValidationException(f"{member}: {uri!r} names an image by its digest; use a tag, such as :1.")
    return _versioned(uri, member, match["repository"], match["tag"] or "latest")


def resolve_specification(specification: dict[str, Any]) -> Image:
    """The algorithm that an AlgorithmSpecification names, by image or by name."""
    image, name = specification.get("TrainingImage", ""), specification.get("AlgorithmName", "")
    if bool(image) == bool(name):
        raise ValidationException(
            "AlgorithmSpecification must have exactly one of TrainingImage and AlgorithmName; this one has "
            + ("both." if image else "neither.")
        )
    if image:
        return resolve(image, "AlgorithmSpecification.TrainingImage")
    if name not in REPOSITORIES:
        raise ValidationException(
            f"AlgorithmSpecification.AlgorithmName: {name!r} is not a built-in algorithm ({', '.join(REPOSITORIES)}). "
            "Algorithm resources of your own and from the marketplace are not supported by Clary yet."
        )
    return Image("", _implemented(name, "AlgorithmSpecification.AlgorithmName"), "1")


def of(name: str, region: str, member: str) -> str:
    """The image of a built-in algorithm in a region; ValidationException, naming `member`, where there is none."""
    if name not in REPOSITORIES or region not in ACCOUNTS:
        raise ValidationException(
            f"{member}: {name!r} is not a built-in algorithm in {region} ({', '.join(REPOSITORIES)}). "
            "Algorithm resources of your own and from the marketplace are not supported by Clary yet."
        )
    account = ACCOUNTS[region][FAMILIES.index(REPOSITORIES[name])]
    tag = XGBOOST_VERSIONS[-1] if name == "sagemaker-xgboost" else "1"
    return f"{account}.dkr.ecr.{region}.amazonaws.com/{name}:{tag}"


def _check_account(uri: str, member: str, *, account: str, region: str, repository: str, **_: str) -> None:
    if region not in ACCOUNTS:
        raise ValidationException(f"{member}: {uri!r}: AWS documents no built-in algorithms in region {region!r}.")
    expected = ACCOUNTS[region][FAMILIES.index(REPOSITORIES[repository])]
    if account == expected:
        return
    where = f"in account {expected}" if expected != "-" else "not offered there"
    raise ValidationException(
        f"{member}: account {account} does not hold {repository} in {region}: it is {where}. "
        "Images of your own are not supported by Clary yet."
    )


def _versioned(uri: str, member: str, repository: str, tag: str) -> Image:
    algorithm = _implemented(repository, member)
    if tag == "latest" or (tag == "1" and repository != "sagemaker-xgboost"):
        return Image(uri, algorithm, tag, cpu_only=repository == "xgboost")
    match = _XGBOOST_TAG.fullmatch(tag)
    if repository == "sagemaker-xgboost" and match and match["version"] in XGBOOST_VERSIONS:
        return Image(uri, algorithm, match["version"], cpu_only=match["version"] in _CPU_ONLY)
    known = ", ".join((*XGBOOST_VERSIONS, "latest") if repository == "sagemaker-xgboost" else ("1", "latest"))
    raise ValidationException(f"{member}: {repository} has no tag {tag!r}; the known ones are {known}.")


def _implemented(repository: str, member: str) -> str:
    name = algorithms.name_of(repository)
    if name is None:
        raise ValidationException(
            f"{member}: the algorithm {repository} is not implemented in Clary yet; {', '.join(algorithms.NAMES)} are."
        )
    return name
