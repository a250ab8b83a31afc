"""AWS's framework images as Python environments of this machine."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.config import Settings
from clary.images import environments, recipes
from clary.images.image import Check, Log, Start, UnknownImageError
from clary.images.recipes import Recipe
from clary.sandbox import Mount

REPOSITORIES = {
    "sagemaker-scikit-learn": "scikit-learn",
    "sagemaker-xgboost": "xgboost",
    "pytorch-training": "pytorch",
    "pytorch-inference": "pytorch",
}
"""Repository -> framework."""

_TAG = re.compile(r"(?P<version>\d+(\.\d+)+(-\d+)?)(-(?P<processor>cpu|gpu)(-[a-z0-9.-]+)?)?")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENTER = Path(__file__).with_name("enter.py")


@dataclass(frozen=True)
class ManagedImage:
    """A framework in a version: an environment that is built once for all jobs, and a toolkit that runs scripts."""

    settings: Settings
    recipe: Recipe

    @property
    def name(self) -> str:
        """The framework and AWS's tag of it."""
        return self.recipe.name

    def prepare(self, log: Log, check: Check) -> Path:
        """The environment's folder, built where it isn't there yet; the log says how it differs from AWS's."""
        return environments.prepare(self.settings, self.recipe, log, check)

    def train(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:
        """The entry point, or the toolkit, which runs the script that the hyperparameters name."""
        return self._start(root, "run", [*entrypoint, *arguments]) if entrypoint else self._start(root, "train", [])

    def serve(self, root: Path) -> Start:
        """The toolkit's server around the script's model_fn, input_fn, predict_fn and output_fn."""
        return self._start(root, "serve", [])

    def process(self, root: Path, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> Start:
        """The entry point, python where there is none."""
        return self._start(root, "run", [*(entrypoint or ["python3"]), *arguments])

    def _start(self, root: Path, role: str, command: list[str]) -> Start:
        python = str(root / "bin" / "python3")
        arguments = [python, "-I", str(_ENTER), role, self.recipe.framework, *command]
        return Start(arguments, {"PATH": _PATH, **environments.pip_variables()}, [Mount(str(root), str(root))])


def resolve_managed(settings: Settings, uri: str) -> ManagedImage:
    """The environment for an image of one of AWS's frameworks; UnknownImageError for another."""
    path, _, tag = uri.partition("@")[0].rpartition(":")
    repository = path.rpartition("/")[2]
    framework = REPOSITORIES.get(repository) or (repository if repository in recipes.FRAMEWORKS else None)
    match = _TAG.fullmatch(tag)
    if framework is None:
        raise UnknownImageError(
            f"{uri!r} is not an image that runs here. What runs: the built-in algorithms, and script mode in the "
            f"images {', '.join(sorted(REPOSITORIES))}."
        )
    if match is None:
        known = f"; AWS's are {', '.join(recipes.AWS_VERSIONS[framework])}"
        raise UnknownImageError(f"{uri!r}: the tag {tag!r} of {repository} begins with no version{known}.")
    return ManagedImage(settings, recipes.recipe_of(settings, framework, match["version"]))


def offered(settings: Settings) -> Iterator[tuple[str, str]]:
    """The names of AWS's versions, and what their environments hold where they are built."""
    for framework, versions in recipes.AWS_VERSIONS.items():
        for tag in versions:
            notes = environments.notes_of(settings, recipes.recipe_of(settings, framework, tag))
            yield f"{framework}:{tag}", f"{framework} {notes['version']}" if notes else ""
