"""What a job is told in /opt/ml/input/config, as the script sees it: arguments and SM_* variables."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

OPT_ML = Path(os.environ.get("CLARY_OPT_ML", "/opt/ml"))
CODE = OPT_ML / "code"
PROGRAM, SUBMIT_DIRECTORY = "sagemaker_program", "sagemaker_submit_directory"
_OWN = (
    PROGRAM,
    SUBMIT_DIRECTORY,
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "default_user_module_name",
    "_tuning_objective_metric",
    "sagemaker_s3_output",
)
_DISTRIBUTED = "sagemaker_torch_distributed_enabled"
_INFO = 20


class Settings:
    """Hyperparameters, hosts and channels of a job."""

    def __init__(self, folder: Path = OPT_ML) -> None:
        config = folder / "input" / "config"
        given = {name: _decode(value) for name, value in _read(config / "hyperparameters.json").items()}
        own = {name: value for name, value in given.items() if name in _OWN or name.startswith("sagemaker_")}
        self.folder = folder
        self.hyperparameters = {name: value for name, value in given.items() if name not in own}
        self.framework = {name: value for name, value in own.items() if name not in _OWN}
        self.resources = _read(config / "resourceconfig.json")
        self.channels = _read(config / "inputdataconfig.json")
        self.hosts: list[str] = self.resources["hosts"]
        self.host: str = self.resources["current_host"]
        self.program = str(own.get(PROGRAM, ""))
        self.submit_directory = str(own.get(SUBMIT_DIRECTORY, folder / "code"))
        self.log_level = int(own.get("sagemaker_container_log_level", _INFO))
        self.job_name = str(own.get("sagemaker_job_name", os.environ.get("TRAINING_JOB_NAME", "")))
        self.region = str(own.get("sagemaker_region", os.environ.get("AWS_REGION", "")))

    @property
    def uses_torchrun(self) -> bool:
        """Whether the script is to be started by torch.distributed's launcher."""
        return bool(self.framework.get(_DISTRIBUTED))

    def arguments(self) -> list[str]:
        """The hyperparameters as --name value."""
        found = []
        for name, value in sorted(self.hyperparameters.items()):
            found += [f"-{name}" if len(name) == 1 else f"--{name}", _as_argument(value)]
        return found

    def variables(self) -> dict[str, str]:
        """All SM_* variables, and those without a prefix."""
        described = self.described()
        told = {
            **{name: described[name] for name in _TOLD},
            "hps": self.hyperparameters,
            "framework_params": self.framework,
            "channels": sorted(self.channels),
            "training_env": described,
            "user_args": self.arguments(),
            **{f"channel_{name}": path for name, path in described["channel_input_dirs"].items()},
            **{f"hp_{name}": value for name, value in self.hyperparameters.items()},
        }
        return {
            **{f"SM_{name.upper()}": _as_variable(value) for name, value in told.items()},
            "CURRENT_HOST": self.host,
            "SAGEMAKER_JOB_NAME": self.job_name,
            "SAGEMAKER_REGION": self.region,
            "MASTER_ADDR": self.hosts[0],
            "MASTER_PORT": "7777",
        }

    def described(self) -> dict[str, Any]:
        """What SM_TRAINING_ENV holds."""
        folder, group = self.folder, self.resources.get("current_group_name", "homogeneousCluster")
        groups = {row["instance_group_name"]: row for row in self.resources.get("instance_groups", [])}
        distributed = [group] if self.uses_torchrun else []
        return {
            "additional_framework_parameters": self.framework,
            "channel_input_dirs": {name: str(folder / "input" / "data" / name) for name in self.channels},
            "current_host": self.host,
            "current_instance_group": group,
            "current_instance_group_hosts": groups.get(group, {}).get("hosts", []),
            "current_instance_type": self.resources.get("current_instance_type", "local"),
            "distribution_hosts": self.hosts if distributed else [],
            "distribution_instance_groups": distributed,
            "framework_module": None,
            "hosts": self.hosts,
            "hyperparameters": self.hyperparameters,
            "input_config_dir": str(folder / "input" / "config"),
            "input_data_config": self.channels,
            "input_dir": str(folder / "input"),
            "instance_groups": list(groups),
            "instance_groups_dict": groups,
            "is_hetero": len(groups) > 1,
            "is_master": self.host == self.hosts[0],
            "is_modelparallel_enabled": None,
            "is_smddpmprun_installed": False,
            "is_smddprun_installed": False,
            "job_name": self.job_name,
            "log_level": self.log_level,
            "master_hostname": self.hosts[0],
            "model_dir": str(folder / "model"),
            "module_dir": self.submit_directory,
            "module_name": self.program.removesuffix(".py"),
            "network_interface_name": self.resources.get("network_interface_name", "eth0"),
            "num_cpus": cpus(),
            "num_gpus": gpus(),
            "num_neurons": 0,
            "output_data_dir": str(folder / "output" / "data"),
            "output_dir": str(folder / "output"),
            "output_intermediate_dir": str(folder / "output" / "intermediate"),
            "resource_config": self.resources,
            "user_entry_point": self.program,
        }


_TOLD = (
    "hosts",
    "network_interface_name",
    "user_entry_point",
    "resource_config",
    "input_data_config",
    "output_data_dir",
    "current_host",
    "current_instance_type",
    "current_instance_group",
    "current_instance_group_hosts",
    "instance_groups",
    "instance_groups_dict",
    "distribution_instance_groups",
    "is_hetero",
    "module_name",
    "log_level",
    "framework_module",
    "input_dir",
    "input_config_dir",
    "output_dir",
    "num_cpus",
    "num_gpus",
    "num_neurons",
    "model_dir",
    "module_dir",
    "output_intermediate_dir",
)


def cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    """GPUs that NVIDIA's own tool sees; 0 where there is no such tool."""
    try:
        answer = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return 0
    return len(re.findall(r"^GPU ", answer.stdout, re.MULTILINE))


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _decode(value: Any) -> Any:
    """SDK v2 encodes values as JSON, v3 and boto3 send them as they are: what is no JSON is text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _as_argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={part}" for name, part in sorted(value.items()))
    return "" if value is None else str(value)


def _as_variable(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
