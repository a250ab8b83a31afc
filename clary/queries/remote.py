"""Functions that a Lambda computes (USING EXTERNAL FUNCTION), a batch of rows an invocation.

The wire is that of the Athena Query Federation SDK's UserDefinedFunctionHandler: JSON around Arrow IPC messages.
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from clary.queries.errors import QueryError
from clary.queries.functions import make_function
from clary.sql.contract import ExternalFunction
from clary.sql.types import Type, parse_type, trino_to_duckdb

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from clary.queries.front import Front
    from clary.queries.spec import QuerySpec

_MOST_BYTES = 4_000_000  # Lambda takes 6 MB


def make_external(
    connection: duckdb.DuckDBPyConnection, front: Front, spec: QuerySpec, function: ExternalFunction
) -> None:
    """Make the function known to DuckDB."""
    caller = _Caller(front, spec, function)
    arguments = [trino_to_duckdb(kind) for kind in function.arguments]
    result = trino_to_duckdb(function.result)
    make_function(connection, function.name, caller.call, arguments, result, varies=True)


class _Caller:
    def __init__(self, front: Front, spec: QuerySpec, function: ExternalFunction) -> None:
        import pyarrow as pa

        self._front = front
        self._function = function
        kinds = [parse_type(kind) for kind in function.arguments]
        self._inputs = pa.schema([(str(number), _arrow(kind)) for number, kind in enumerate(kinds)])
        self._output = pa.schema([("0", _arrow(parse_type(function.result)))])
        account = spec.scope[0]
        self._frame = {
            "@type": "UserDefinedFunctionRequest",
            "identity": {
                "id": "UNKNOWN",
                "principal": "UNKNOWN",
                "account": account,
                "arn": f"arn:aws:iam::{account}:root",
                "tags": {},
                "groups": [],
                "principalTags": {},
                "iamGroups": [],
            },
            "outputSchema": {"schema": _base64(self._output.serialize())},
            "methodName": function.name.lower(),
            "functionType": "SCALAR",
        }

    def call(self, *columns: pa.ChunkedArray) -> pa.Array:
        """The results of one batch."""
        import pyarrow as pa

        arrays = [_to_wire(column, field.type) for column, field in zip(columns, self._inputs, strict=True)]
        batch = pa.record_batch(arrays, schema=self._inputs)
        return _from_wire(pa.concat_arrays(self._ask(batch)))

    def _ask(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """In as many invocations as the batch's size needs."""
        records = batch.serialize()
        if records.size > _MOST_BYTES and batch.num_rows > 1:
            half = batch.num_rows // 2
            return self._ask(batch.slice(0, half)) + self._ask(batch.slice(half))
        request = {
            **self._frame,
            "inputRecords": {
                "aId": str(uuid.uuid4()),
                "schema": _base64(self._inputs.serialize()),
                "records": _base64(records),
            },
        }
        answer = self._front.invoke(self._function.function, msgspec.json.encode(request).decode())
        return [self._read(answer, batch.num_rows)]

    def _read(self, answer: str, rows: int) -> pa.Array:
        import pyarrow as pa

        try:
            records = msgspec.json.decode(answer)["records"]
            schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(records["schema"], validate=True)))
            batch = pa.ipc.read_record_batch(base64.b64decode(records["records"], validate=True), schema)
            (column,) = batch.columns
            column = column.cast(self._output.field(0).type)
        except (KeyError, TypeError, ValueError, RecursionError, OSError) as problem:
            raise self._problem(f"its answer is no UserDefinedFunctionResponse ({problem})") from None
        if len(column) != rows:
            raise self._problem(f"it answered {len(column)} rows to {rows}")
        return column

    def _problem(self, reason: str) -> QueryError:
        function = self._function
        return QueryError(f"GENERIC_USER_ERROR: {function.name} by the Lambda function {function.function}: {reason}")


def _arrow(kind: Type) -> pa.DataType:
    """The type on the wire: timestamps are dates with milliseconds there."""
    import pyarrow as pa

    plain: dict[str, Any] = {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double": pa.float64(),
        "varchar": pa.string(),
        "varbinary": pa.binary(),
        "date": pa.date32(),
        "timestamp": pa.date64(),
    }
    if kind.name in plain:
        return plain[kind.name]
    if kind.name == "decimal":
        return pa.decimal128(*kind.sizes)
    if kind.name == "array":
        return pa.list_(_arrow(kind.children[0]))
    if kind.name == "row":
        return pa.struct([(name, _arrow(child)) for name, child in kind.fields])
    raise QueryError(f"NOT_SUPPORTED: Clary passes no {kind} to an external function")


def _to_wire(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    array = column.combine_chunks()
    if pa.types.is_date64(kind):
        return array.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).view(pa.date64())
    return array.cast(kind)


def _from_wire(array: pa.Array) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_date64(array.type):
        return array.view(pa.int64()).cast(pa.timestamp("ms")).cast(pa.timestamp("us"))
    return array


def _base64(data: Any) -> str:
    return base64.b64encode(data).decode()
