"""The folders and files of the container contract, /opt/ml."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class OptMl:
    """/opt/ml, or the folder that stands for it (CLARY_OPT_ML)."""

    root: Path

    @classmethod
    def from_environment(cls) -> "OptMl":
        """The tree that this process sees."""
        return cls(Path(os.environ.get("CLARY_OPT_ML") or "/opt/ml"))

    @property
    def data(self) -> Path:
        """A folder a File channel, a FIFO a Pipe channel and epoch."""
        return self.root / "input/data"

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz."""
        return self.root / "model"

    @property
    def failure(self) -> Path:
        """The file whose text becomes the FailureReason."""
        return self.root / "output/failure"

    @property
    def output(self) -> Path:
        """What becomes output.tar.gz."""
        return self.root / "output/data"

    def hyperparameters(self) -> dict[str, str]:
        """hyperparameters.json, texts all."""
        return self._config("hyperparameters")

    def input_data(self) -> dict[str, dict[str, str]]:
        """inputdataconfig.json: channel -> TrainingInputMode, ContentType, S3DistributionType, RecordWrapperType."""
        return self._config("inputdataconfig")

    def resources(self) -> dict[str, Any]:
        """resourceconfig.json: current_host, hosts, network_interface_name."""
        return {"current_host": "algo-1", "hosts": ["algo-1"], **self._config("resourceconfig")}

    def checkpoints(self) -> Path | None:
        """The checkpoint folder; None where the job has no CheckpointConfig."""
        where = self._config("checkpointconfig").get("LocalPath")
        if not where:
            return None
        inside = Path(where)
        return self.root / inside.relative_to("/opt/ml") if inside.is_relative_to("/opt/ml") else inside

    def _config(self, name: str) -> dict[str, Any]:
        path = self.root / f"input/config/{name}.json"
        config: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
        return config
