"""What tests of functions share."""

import io
import textwrap
import time
import zipfile

ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
ECHO = "def handler(event, context): return event"


def zipped(source=ECHO, **files):
    """A zip file with index.py, and other files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {"index.py": source, **files}.items():
            archive.writestr(name, textwrap.dedent(content) if isinstance(content, str) else content)
    return buffer.getvalue()


def wait_for(look, seconds=30):
    """What a look finds in the end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"it has not come: {look()}")
