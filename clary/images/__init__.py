"""Images: what stands behind an image URI, and what it takes to run it here.

`resolve(settings, uri)` is quick and builds nothing; `prepare` may take minutes the first time. Another kind of image
is another class with the members of `Image`, and a line in `resolve`.
"""

from clary.config import Settings
from clary.images import engine_image, recipes, register
from clary.images.image import BuildError, Image, Start, UnknownImageError
from clary.images.managed import REPOSITORIES, offered, resolve_managed

__all__ = ["BuildError", "Image", "Start", "UnknownImageError", "is_managed", "offered", "resolve"]


def resolve(settings: Settings, uri: str) -> Image:
    """The image behind a URI, or behind a name as `clary image list` shows it; UnknownImageError says what works."""
    if is_managed(uri):
        return resolve_managed(settings, uri)
    if found := register.find(settings, uri) or engine_image.find(uri):
        return found
    raise UnknownImageError(
        f"{uri!r} is not an image that runs here. What runs: the built-in algorithms, script mode in the images "
        f"{', '.join(sorted(REPOSITORIES))}, and what `clary image add` has registered on this machine. "
        "Any other image needs Podman or Docker, and neither answers: install one (apt-get install podman) and let it "
        "listen (systemctl enable --now podman.socket), or name its socket in DOCKER_HOST."
    )


def is_managed(uri: str) -> bool:
    """Whether a URI names a framework's image, in whichever version: those run in environments that Clary builds."""
    return register.names_for(uri)[-1] in {*REPOSITORIES, *recipes.FRAMEWORKS}
