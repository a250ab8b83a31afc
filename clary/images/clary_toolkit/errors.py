"""The failures of a script as AWS's training toolkit words them."""

from collections.abc import Sequence

_TAIL = 600  # characters: FailureReason has 1024 for all
_TRACEBACK = "Traceback (most recent call last):\n"
_KILLED = 137


class ClientError(Exception):
    """What the user's code or settings did wrong."""


class CommandError(ClientError):
    """A command ended with another status than 0."""

    def __init__(self, kind: str, command: Sequence[str], status: int, stderr: str) -> None:
        extra = '\nExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"' if status == _KILLED else ""
        message = f'ErrorMessage "{tail(stderr)}"{extra}\nCommand "{" ".join(command)}"'
        super().__init__(f"{kind}:\nExitCode {status}\n{message}")


def tail(stderr: str) -> str:
    """The end of what was printed: of a Python script its last traceback, and of that the end."""
    text = stderr.rpartition(_TRACEBACK)[2].strip()
    return text if len(text) <= _TAIL else f"...{text[-_TAIL:]}"
