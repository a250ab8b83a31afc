"""Timestamps as AWS writes them; inside, a time is seconds since the epoch as a float."""

import functools
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime


def parse_timestamp(text: str) -> float:
    """Seconds since the epoch from any of the three forms; raises ValueError."""
    if text[:1].isdigit() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        if text[3:4] in (",", " ") or text[-3:] == "GMT":
            moment = parsedate_to_datetime(text)
        else:
            moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, TypeError) as error:
        raise ValueError(text) from error


def iso8601(seconds: float, *, milliseconds: bool = False) -> str:
    """`2024-05-06T07:08:09Z`; milliseconds where there are any, or always, as S3 has it."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03d}Z" if rest or milliseconds else f"{text}Z"


@functools.lru_cache(maxsize=256)
def rfc822(seconds: int) -> str:
    """`Mon, 06 May 2024 07:08:09 GMT`, as HTTP headers have it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def write_timestamp(seconds: float, form: str) -> str:
    """A timestamp in the model's `timestampFormat`."""
    if form == "rfc822":
        return rfc822(int(seconds))
    if form == "unixTimestamp":
        return repr(int(seconds)) if seconds == int(seconds) else repr(round(seconds, 3))
    return iso8601(seconds)
