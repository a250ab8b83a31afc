"""Image URIs: which built-in algorithm an image is, or which framework's, in any region and account of AWS's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from clary import algorithms, images
from clary.config import Settings
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.registries import ACCOUNTS, DEEP_LEARNING, FAMILIES, REPOSITORIES

XGBOOST_VERSIONS = ("0.90-1", "0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.3-1", "1.5-1", "1.7-1", "3.0-5", "3.2-0")
SCRIPTABLE = "xgboost"
"""The algorithm whose image runs scripts too."""
SAME_ACCOUNTS = ("sagemaker-scikit-learn",)
"""Repositories of frameworks that lie where XGBoost's does; the others are deep learning containers."""
_CPU_ONLY = ("0.90-1", "0.90-2", "1.0-1")

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+"
    r"/(?P<repository>[a-z0-9._/-]+?)(:(?P<tag>[A-Za-z0-9_.-]+))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_XGBOOST_TAG = re.compile(r"(?P<version>[0-9.]+-[0-9]+)(-(cpu|gpu)-py3)?")


NOTHING: Mapping[str, str] = {}


class Image(NamedTuple):
    """A built-in algorithm's image, a framework's, which runs a script, or one of the user's own."""

    uri: str
    """As it was given; empty where AlgorithmName named the algorithm."""
    algorithm: str
    """Its name in `clary.algorithms`; empty for the others."""
    version: str
    """Empty for one of the user's own."""
    cpu_only: bool = False
    """Whether this version refuses GPU instances where later ones take them."""

    @property
    def warnings(self) -> list[str]:
        """What the log should say about the choice."""
        if self.version != "latest":
            return []
        return [f"Warning: the image tag :latest of {self.algorithm} is not for production; use :1 or a version."]


def resolve(uri: str, member: str) -> Image:
    """What is behind an image URI; ValidationException, naming `member`, for one of AWS's that Clary can't run.

    Whether one of the user's own is to be had on this machine, `require` tells.
    """
    match = _URI.fullmatch(uri)
    if match is None or match["repository"] not in REPOSITORIES:
        return _framework(uri, member, match)
    _check_account(uri, member, **match.groupdict(""))
    if match["digest"]:
        raise ValidationException(f"{member}: {uri!r} names an image by its digest; use a tag, such as :1.")
    return _versioned(uri, member, match["repository"], match["tag"] or "latest")


def resolve_specification(specification: Mapping[str, Any], hyperparameters: Mapping[str, str] = NOTHING) -> Image:
    """What an AlgorithmSpecification names, by image or by name; the hyperparameters say whether there is a script."""
    image, name = specification.get("TrainingImage", ""), specification.get("AlgorithmName", "")
    if bool(image) == bool(name):
        raise ValidationException(
            "AlgorithmSpecification must have exactly one of TrainingImage and AlgorithmName; this one has "
            + ("both." if image else "neither.")
        )
    if image:
        has_script = specification.get("ContainerEntrypoint") or "sagemaker_program" in hyperparameters
        return (resolve_script if has_script else resolve)(image, "AlgorithmSpecification.TrainingImage")
    if name not in REPOSITORIES:
        raise ValidationException(
            f"AlgorithmSpecification.AlgorithmName: {name!r} is not a built-in algorithm ({', '.join(REPOSITORIES)}). "
            "Algorithm resources of your own and from the marketplace are not supported by Clary yet."
        )
    return Image("", _implemented(name, "AlgorithmSpecification.AlgorithmName"), "1")


def resolve_script(uri: str, member: str) -> Image:
    """The image as one that runs a script or a command; ValidationException where it can't."""
    image = resolve(uri, member)
    if image.algorithm not in ("", SCRIPTABLE):
        raise ValidationException(
            f"{member}: {uri!r} is the image of a built-in algorithm, {image.algorithm}; it runs no code of yours "
            "here. The images of scikit-learn, XGBoost and PyTorch do."
        )
    return image._replace(algorithm="")


def resolve_served(container: Mapping[str, Any], member: str) -> Image:
    """The image of a model's container; one of XGBoost serves a script where its environment names one."""
    names_script = container.get("Environment", {}).get("SAGEMAKER_PROGRAM")
    return (resolve_script if names_script else resolve)(container["Image"], member)


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
        "An image of your own needs another name here."
    )


def require(settings: Settings, uri: str, member: str) -> None:
    """Raise ValidationException, naming `member`, for an image that this machine can't run."""
    try:
        images.resolve(settings, uri)
    except images.UnknownImageError as problem:
        raise ValidationException(f"{member}: {problem}") from None


def is_own(image: Image) -> bool:
    """Whether it is neither a built-in algorithm's nor a framework's."""
    return not image.algorithm and not image.version


def _framework(uri: str, member: str, match: re.Match[str] | None) -> Image:
    """The image of a framework, for scripts, or one of the user's own."""
    if not images.is_managed(uri):
        return Image(uri, "", "")
    try:
        # This checks the name only: nothing is built.
        image = images.resolve(Settings(), uri)
    except images.UnknownImageError as problem:
        raise ValidationException(f"{member}: {problem}") from None
    if match is not None:
        family = ACCOUNTS.get(match["region"], ("",) * len(FAMILIES))[FAMILIES.index("xgboost")]
        expected = family if match["repository"] in SAME_ACCOUNTS else DEEP_LEARNING.get(match["region"], "")
        if match["account"] != (expected or DEEP_LEARNING[""]):
            raise ValidationException(
                f"{member}: account {match['account']} does not hold {match['repository']} in {match['region']}. "
                "An image of your own needs another name here."
            )
    return Image(uri, "", image.name.rpartition(":")[2])


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
