"""What tests of functions share."""

import io
import textwrap
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
