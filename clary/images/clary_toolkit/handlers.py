"""What a framework's container does where the script has no function of its own for it."""

import os
from pathlib import Path
from typing import Any

from . import coding

PLEASE = "Please provide a model_fn implementation.\nSee documentation for model_fn at https://github.com/aws/sagemaker-python-sdk"


class Handler:
    """scikit-learn's; the others differ from it."""

    speaks_html = True
    """Whether errors are answered as Flask's containers do it, or as the inference toolkit does."""

    def model_fn(self, model_dir: str) -> Any:
        """Load the model."""
        raise NotImplementedError(f"{PLEASE} (the model's folder is {model_dir})")

    def input_fn(self, body: Any, content_type: str) -> Any:
        """A request's body as what predict_fn takes."""
        array = coding.decode(body, content_type)
        if getattr(array, "ndim", 2) == 1:
            array = array.reshape(1, -1)
        return array.astype("float32") if content_type in coding.TEXT else array

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Ask the model."""
        return model.predict(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """A prediction as an answer's body."""
        return coding.encode_accepted(prediction, accept)


class XGBoostHandler(Handler):
    """XGBoost in script mode."""

    def input_fn(self, body: Any, content_type: str) -> Any:
        """A DMatrix from CSV or libsvm."""
        return coding.decode_matrix(body, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Ask a Booster, whatever its features are called."""
        return model.predict(data, validate_features=False)


class PyTorchHandler(Handler):
    """PyTorch: TorchScript models need no model_fn."""

    speaks_html = False

    def model_fn(self, model_dir: str) -> Any:
        """Load model.pt, or the only .pt or .pth file, as TorchScript."""
        import torch

        path = Path(model_dir, "model.pt")
        if not path.exists():
            found = sorted(file for file in Path(model_dir).iterdir() if file.suffix in (".pt", ".pth"))
            if len(found) != 1:
                names = [file.name for file in found]
                raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {names}")
            path = found[0]
        try:
            return torch.jit.load(os.fspath(path), map_location=_device())
        except RuntimeError as problem:
            raise RuntimeError(f"Failed to load {path}. Please ensure model is saved using torchscript.") from problem

    def input_fn(self, body: Any, content_type: str) -> Any:
        """A tensor."""
        import torch

        array = coding.decode(body, content_type)
        tensor = torch.FloatTensor(array) if content_type in coding.TEXT else torch.from_numpy(array)
        return tensor.to(_device())

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Call the model, without gradients."""
        import torch

        with torch.no_grad():
            model = model.to(_device())
            model.eval()
            return model(data.to(_device()))

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """A tensor's numbers."""
        if hasattr(prediction, "detach"):
            prediction = prediction.detach().cpu().numpy()
        return coding.encode_accepted(prediction, accept)


def _device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def handler_of(framework: str) -> Handler:
    """The defaults of a framework."""
    return {"xgboost": XGBoostHandler, "pytorch": PyTorchHandler}.get(framework, Handler)()
