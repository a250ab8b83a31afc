"""Which folders of this machine a registered command sees beside the system's."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from clary.config import Settings
from clary.errors import SettingsError

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")


def folders_of(settings: Settings, command: Sequence[str], more: Sequence[str]) -> list[str]:
    """The folders of the files that a command names, and those that are asked for; SettingsError for one too wide.

    A sandbox is to hide the homes of this machine and Clary's own data.
    """
    found = sorted({os.path.abspath(folder) for folder in (*more, *_named(command))})  # noqa: PTH100 - links stay
    for folder in found:
        for private, what in ((Path.home(), "your home"), (settings.data_dir, "Clary's data folder")):
            if private.is_relative_to(folder) or (
                private == settings.data_dir and Path(folder).is_relative_to(private)
            ):
                raise SettingsError(
                    f"the command would see {folder}, and with it {what}: put its files into a folder of their own"
                )
        if not Path(folder).is_dir():
            raise SettingsError(f"{folder} is not a folder")
        if os.geteuid() == 0 and Path(folder).stat().st_mode & 0o005 != 0o005:  # root's server gives up its rights
            raise SettingsError(f"programs in a sandbox, which are never root's, can't read {folder}: chmod o+rx it")
    return [folder for folder in found if not folder.startswith(_SYSTEM)]


def absolute(command: Sequence[str]) -> list[str]:
    """A command whose words that name files of this machine name them from the root."""
    return [os.path.abspath(word) if _is_file(word, first=not place) else word for place, word in enumerate(command)]  # noqa: PTH100


def _is_file(word: str, *, first: bool) -> bool:
    """Whether a word names a file; a bare first one is looked for on PATH."""
    return Path(word).exists() and not (first and "/" not in word) and not word.startswith("-")


def _named(command: Sequence[str]) -> Iterator[str]:
    for word in command:
        path = Path(word)
        if not path.is_absolute() or not path.exists():
            continue
        folder = path if path.is_dir() else path.parent
        # the interpreter of a virtual environment needs all of that
        yield str(folder.parent if (folder.parent / "pyvenv.cfg").exists() else folder)
