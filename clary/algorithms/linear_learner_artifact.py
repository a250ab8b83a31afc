"""Linear Learner's `model_algo-1`: a zip archive with an MXNet module in it, as real containers write it.

    mx-mod-symbol.json       the network: data -> fc0 (fully connected) -> out
    mx-mod-0000.params       arg:fc0_weight (k, d) and arg:fc0_bias (k,), float32, for rows as they come
    additional-params.json   what the network doesn't say: predictor_type, loss, threshold
    manifest.json            the names of the three

So `unzip model_algo-1` and `mx.mod.Module.load("mx-mod", 0, label_names=["out_label"])` read it, and gluon's
SymbolBlock does. What real containers write into additional-params.json is not known.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from clary.errors import ClientError
from clary.formats import mxnet

MODEL = "model_algo-1"
SYMBOL, PARAMS, MORE, MANIFEST = "mx-mod-symbol.json", "mx-mod-0000.params", "additional-params.json", "manifest.json"
OUTPUTS = {"logistic": "LogisticRegressionOutput", "softmax_loss": "SoftmaxOutput"}
"""MXNet's last layer by loss; for others the scores stay as they are."""


def save(folder: Path, weights: np.ndarray, bias: np.ndarray, more: dict[str, Any]) -> None:
    """Write weights (k, d) and bias (k,); `more` holds predictor_type, loss and threshold."""
    params = mxnet.encode({"arg:fc0_weight": weights, "arg:fc0_bias": bias})
    with zipfile.ZipFile(folder / MODEL, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MORE, json.dumps(more))
        archive.writestr(MANIFEST, json.dumps({"additional-params": MORE, "symbol": SYMBOL, "params": PARAMS}))
        archive.writestr(SYMBOL, json.dumps(symbol(len(bias), OUTPUTS.get(more["loss"], "LinearRegressionOutput"))))
        archive.writestr(PARAMS, params)


def load(folder: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """What `save` wrote; raises ClientError where it isn't that."""
    if not (folder / MODEL).is_file():
        raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
    try:
        with zipfile.ZipFile(folder / MODEL) as archive:
            found = json.loads(archive.read(MORE))
            arrays: Any = mxnet.decode(archive.read(PARAMS), PARAMS)
        more = {name: found[name] for name in ("predictor_type", "loss", "threshold")}
        weights, bias = (arrays[name].astype(np.float32) for name in ("arg:fc0_weight", "arg:fc0_bias"))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, NotImplementedError, RuntimeError, EOFError) as error:
        raise ClientError(f"{MODEL} is not a zip archive of a linear learner: {error}") from None
    if weights.ndim != 2 or bias.shape != weights.shape[:1]:
        raise ClientError(f"{MODEL} must hold fc0_weight (k, feature_dim) and fc0_bias (k,)")
    return weights, bias, more


def symbol(outputs: int, layer: str) -> dict[str, Any]:
    """The network in MXNet's JSON: nodes, their inputs as [node, output, version], the heads."""
    size = {"num_hidden": str(outputs)}

    def variable(name: str, attributes: dict[str, str] | None = None) -> dict[str, Any]:
        return {"op": "null", "name": name, "inputs": [], **({"attrs": attributes} if attributes else {})}

    nodes = [
        variable("data"),
        variable("fc0_weight", size),
        variable("fc0_bias", size),
        {"op": "FullyConnected", "name": "fc0", "attrs": size, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]},
        variable("out_label"),
        {"op": layer, "name": "out", "inputs": [[3, 0, 0], [4, 0, 0]]},
    ]
    return {
        "nodes": nodes,
        "arg_nodes": [0, 1, 2, 4],
        "node_row_ptr": list(range(len(nodes) + 1)),
        "heads": [[5, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }
