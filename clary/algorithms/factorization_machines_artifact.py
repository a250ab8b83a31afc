"""Factorization Machines' `model_algo-1`: a zip archive with an MXNet module in it, as real containers write it.

    symbol.json   the network
    params        arg:w0_weight (1,), arg:w1_weight (d, 1) and arg:v (d, k), float32
    meta.json     {"training_parameters": the hyperparameters}

So the notebooks that take the model apart work: unzip it, rename to model-symbol.json and model-0000.params, then
`mx.module.Module.load("./model", 0, False, label_names=["out_label"])._arg_params["v"]`. A network that SageMaker
trained on dense rows has other names: Linear_Plus_Bias_bias (1,), Linear_Plus_Bias_weight (1, d), v (k, d).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clary.errors import ClientError
from clary.formats import mxnet

MODEL = "model_algo-1"
SYMBOL, PARAMS, META = "symbol.json", "params", "meta.json"
OUTPUTS = {"binary_classifier": "LogisticRegressionOutput", "regressor": "LinearRegressionOutput"}

NETWORK: tuple[tuple[str, str, tuple[str, ...], dict[str, str]], ...] = (
    ("linear", "dot", ("data", "w1_weight"), {}),
    ("linear_plus_bias", "broadcast_add", ("linear", "w0_weight"), {}),
    ("sums", "dot", ("data", "v"), {}),
    ("squared_sums", "square", ("sums",), {}),
    ("all_pairs", "sum", ("squared_sums",), {"axis": "1", "keepdims": "True"}),
    ("squared_data", "square", ("data",), {}),
    ("squared_v", "square", ("v",), {}),
    ("norms", "sum", ("squared_v",), {"axis": "1", "keepdims": "True"}),
    ("own_pairs", "dot", ("squared_data", "norms"), {}),
    ("two_interactions", "elemwise_sub", ("all_pairs", "own_pairs"), {}),
    ("interactions", "_mul_scalar", ("two_interactions",), {"scalar": "0.5"}),
    ("score", "elemwise_add", ("linear_plus_bias", "interactions"), {}),
)
"""Each node's name, operator, inputs and attributes, but the last one's."""


def save(folder: Path, bias: float, weights: np.ndarray, settings: Mapping[str, Any]) -> None:
    """Write the bias and weights (d, 1 + k); `settings` holds at least predictor_type and feature_dim."""
    params = {"w0_weight": np.array([bias], np.float32), "w1_weight": weights[:, :1], "v": weights[:, 1:]}
    with zipfile.ZipFile(folder / MODEL, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(META, json.dumps({"training_parameters": dict(settings)}))
        archive.writestr(SYMBOL, json.dumps(symbol(OUTPUTS[settings["predictor_type"]])))
        archive.writestr(PARAMS, mxnet.encode({f"arg:{name}": array for name, array in params.items()}))


def load(folder: Path) -> tuple[float, np.ndarray, str]:
    """The bias, the weights (d, 1 + k) float32 and the predictor_type; raises ClientError where it is no such model."""
    if not (folder / MODEL).is_file():
        raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
    try:
        with zipfile.ZipFile(folder / MODEL) as archive:
            predictor_type = json.loads(archive.read(META))["training_parameters"]["predictor_type"]
            arrays: Any = mxnet.decode(archive.read(PARAMS), PARAMS)
        if "arg:w1_weight" in arrays:
            bias, linear, factors = (arrays[f"arg:{name}"] for name in ("w0_weight", "w1_weight", "v"))
        else:
            bias, linear, factors = (
                arrays[f"arg:{name}"] for name in ("Linear_Plus_Bias_bias", "Linear_Plus_Bias_weight", "v")
            )
            linear, factors = linear.T, factors.T
        weights = np.concatenate([linear, factors], axis=1).astype(np.float32)
        return float(bias.reshape(-1)[0]), np.ascontiguousarray(weights), predictor_type
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        NotImplementedError,
        RuntimeError,
        EOFError,
    ) as error:
        raise ClientError(f"{MODEL} is no zip archive of a factorization machine: {error}") from None


def symbol(output: str) -> dict[str, Any]:
    """The network in MXNet's JSON: nodes, their inputs as [node, output, version], the heads."""
    variables = ("data", "v", "w1_weight", "w0_weight", "out_label")
    nodes: list[dict[str, Any]] = [{"op": "null", "name": name, "inputs": []} for name in variables]
    places = {name: place for place, name in enumerate(variables)}
    for name, operator, inputs, attributes in (*NETWORK, ("out", output, ("score", "out_label"), {})):
        places[name] = len(nodes)
        node = {"op": operator, "name": name, "inputs": [[places[source], 0, 0] for source in inputs]}
        nodes.append({**node, "attrs": attributes} if attributes else node)
    return {
        "nodes": nodes,
        "arg_nodes": list(range(len(variables))),
        "node_row_ptr": list(range(len(nodes) + 1)),
        "heads": [[len(nodes) - 1, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10300]},
    }
