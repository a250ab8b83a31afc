"""Requests to arrays and predictions to answers, in the formats of AWS's containers."""

import csv
import io
import json
from typing import Any

NPY, CSV, JSON, NPZ = "application/x-npy", "text/csv", "application/json", "application/x-npz"
LIBSVM = ("text/libsvm", "text/x-libsvm")
TEXT = (JSON, CSV)


class UnsupportedFormatError(Exception):
    """A content type that the default functions can't read or write."""

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\nPlease implement input_fn to to "
            "deserialize the request data or an output_fn to serialize the response. For more information, see the "
            "SageMaker Python SDK README."
        )


def decode(body: Any, content_type: str) -> Any:
    """A request's body as a numpy array."""
    import numpy as np

    if content_type == JSON:
        return np.array(json.loads(body))
    if content_type == CSV:
        return np.genfromtxt(io.StringIO(body), delimiter=",")
    if content_type == NPY:
        return np.load(io.BytesIO(body), allow_pickle=False)
    if content_type == NPZ:
        import scipy.sparse

        return scipy.sparse.load_npz(io.BytesIO(body))
    raise UnsupportedFormatError(content_type)


def decode_matrix(body: Any, content_type: str) -> Any:
    """A request's body as xgboost's DMatrix."""
    import xgboost

    content_type = content_type.partition(";")[0].strip()
    text = body.decode() if isinstance(body, bytes) else body
    if content_type == CSV:
        return xgboost.DMatrix(_from_csv(text.strip("\n")))
    if content_type in LIBSVM:
        return xgboost.DMatrix(_from_libsvm(text))
    raise UnsupportedFormatError(content_type)


def encode(prediction: Any, content_type: str) -> bytes:
    """A prediction as an answer's body."""
    import numpy as np

    if content_type == JSON:
        return json.dumps(prediction, default=_as_list).encode()
    buffer = io.BytesIO()
    if content_type == CSV:
        np.savetxt(buffer, prediction, delimiter=",", fmt="%s")
    elif content_type == NPY:
        np.save(buffer, prediction, allow_pickle=False)
    else:
        raise UnsupportedFormatError(content_type)
    return buffer.getvalue()


def encode_accepted(prediction: Any, accept: str) -> tuple[bytes, str]:
    """A prediction in the first format of an Accept header that can be written, and which that is."""
    for kind in (part.partition(";")[0].strip() for part in accept.split(",")):
        if kind in (JSON, CSV, NPY):
            return encode(prediction, kind), kind
    raise UnsupportedFormatError(accept)


def _as_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _from_csv(text: str) -> Any:
    """Rows of numbers, empty cells as missing; the delimiter is guessed from the first line."""
    import numpy as np

    lines = text.split("\n")
    try:
        delimiter = csv.Sniffer().sniff(lines[0][:512]).delimiter
    except csv.Error:  # one cell
        delimiter = ","
    delimiter = "," if delimiter.isalnum() or delimiter in ".-" else delimiter
    return np.array([[cell.strip() or "nan" for cell in line.split(delimiter)] for line in lines]).astype(float)


def _from_libsvm(text: str) -> Any:
    """Rows of index:value, the indices from 0 or 1 on; labels are left out."""
    import numpy as np

    rows = [
        {int(cell.partition(":")[0]): float(cell.partition(":")[2]) for cell in line.split() if ":" in cell}
        for line in text.strip().split("\n")
    ]
    places = [place for row in rows for place in row]
    first = 1 if places and min(places) >= 1 else 0
    matrix = np.zeros((len(rows), max(places, default=-1) - first + 1))
    for number, row in enumerate(rows):
        for place, value in row.items():
            matrix[number, place - first] = value
    return matrix
