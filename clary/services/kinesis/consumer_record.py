"""The records of a stream's consumers."""

from clary.services.kinesis.stream_record import STREAM_KIND
from clary.store.records import Key, Query, Record
from clary.wire import Call

CONSUMER_KIND = "kinesis-consumer"
MOST = 20


def key_of(stream: Record, name: str) -> Key:
    """Where a consumer's record lies."""
    assert stream.key.kind == STREAM_KIND
    return stream.key._replace(kind=CONSUMER_KIND, name=f"{stream.body['Id']}/{name}")


def of_stream(call: Call, stream: Record) -> list[Record]:
    """All consumers of a stream, oldest first."""
    query = Query(name_prefix=f"{stream.body['Id']}/", descending=False, limit=MOST)
    return call.rooms.records.find(CONSUMER_KIND, call.account, call.region, query).records


def delete_all(call: Call, stream: Record) -> None:
    """Remove them."""
    call.rooms.records.delete_below(CONSUMER_KIND, call.account, call.region, f"{stream.body['Id']}/")
