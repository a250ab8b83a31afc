"""The quickest way to the prediction for one dense row, for endpoints that get one row a request.

`Booster.inplace_predict` describes its array and its settings to XGBoost as JSON, in Python, on every call; that takes
several times as long as the trees. Here both are described once, for a buffer that each row is copied into, and
XGBoost's C function is called itself (XGBoosterPredictFromDense of xgboost/c_api.h).
"""

import ctypes
import json
import math

import numpy as np
import xgboost
from xgboost.core import _LIB, _check_call

PREDICT = {
    "type": 0,
    "training": False,
    "iteration_begin": 0,
    "iteration_end": 0,
    "missing": math.nan,
    "strict_shape": True,
    "cache_id": 0,
}


class RowPredictor:
    """Predicts one row at a time with a tree booster; not for several threads at once."""

    def __init__(self, booster: xgboost.Booster) -> None:
        self.booster = booster
        self.width = booster.num_features()
        self._row = np.zeros((1, self.width), np.float32)
        self._cells = self._row[0]
        address = self._row.ctypes.data
        described = {"data": [address, True], "shape": [1, self.width], "typestr": self._row.dtype.str, "version": 3}
        self._array = json.dumps(described).encode()
        self._config = json.dumps(PREDICT).encode()
        self._shape = ctypes.POINTER(ctypes.c_uint64)()
        self._dimensions = ctypes.c_uint64()
        self._result = ctypes.POINTER(ctypes.c_float)()
        self._out = (ctypes.byref(self._shape), ctypes.byref(self._dimensions), ctypes.byref(self._result))
        self._predict = _LIB.XGBoosterPredictFromDense

    def predict(self, row: list[float]) -> list[float] | None:
        """The scores of a row of `width` finite numbers; None where the numbers are not that, for others to word."""
        if len(row) != self.width:
            return None
        cells = self._cells
        cells[:] = row
        if not math.isfinite(cells.dot(cells)):
            return None
        _check_call(self._predict(self.booster.handle, self._array, self._config, None, *self._out))
        count = self._shape[1] if self._dimensions.value > 1 else 1
        return self._result[:count]
