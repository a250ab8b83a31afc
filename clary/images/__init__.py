"""Images: what stands behind an image URI, and what it takes to run it here.

`resolve(settings, uri)` is quick and builds nothing; `prepare` may take minutes the first time. Another kind of image
is another class with the members of `Image`, and a line in `resolve`.
"""

from clary.config import Settings
from clary.images.image import BuildError, Image, Start, UnknownImageError
from clary.images.managed import offered, resolve_managed

__all__ = ["BuildError", "Image", "Start", "UnknownImageError", "offered", "resolve"]


def resolve(settings: Settings, uri: str) -> Image:
    """The image behind a URI, or behind a name as `clary image list` shows it; UnknownImageError says what works."""
    return resolve_managed(settings, uri)
