"""Every setting, once, with its default and its sentence. A setting `x` is read from CLARY_X."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from clary.errors import SettingsError
from clary.names import DEFAULT_ROLE, role_arn

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _setting(default: Any, sentence: str) -> Any:
    return field(default=default, metadata={"sentence": sentence})


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with."""

    host: str = _setting("127.0.0.1", "The address to listen on; beyond loopback only with a root key of your own.")
    port: int = _setting(4566, "The port to listen on; 0 takes a free one.")
    data_dir: Path = _setting(Path("~/.clary"), "The folder that holds everything Clary remembers.")
    cache_dir: Path = _setting(
        Path("~/.cache/clary"), "The folder of what can be made anew: compiled kernels, Python environments."
    )
    database_url: str = _setting("", "Postgres URL for the control-plane state; empty means SQLite in the data folder.")
    account: str = _setting("000000000000", "The AWS account that the keys belong to.")
    region: str = _setting("us-east-1", "The region of requests that name none.")
    access_key: str = _setting("test", "The root access key id.")
    secret_key: str = _setting("test", "The root secret access key.")
    strict_roles: bool = _setting(False, "Refuse a RoleArn that names no existing role.")
    allow_unsandboxed: bool = _setting(False, "Run user code as a plain process where the kernel refuses namespaces.")
    testing: bool = _setting(False, "Allow POST /_clary/reset and /moto-api/reset, which empty the data folder.")
    job_cores: int = _setting(0, "Cores that all running jobs may share; 0 means all of the machine.")
    job_memory_gib: float = _setting(0.0, "Memory in GiB that all running jobs may share; 0 means four fifths of it.")
    compute: str = _setting(
        "", "A Ray cluster for training and processing jobs, ray://host:port; empty runs them here."
    )
    checkpoint_seconds: float = _setting(5.0, "Seconds between two looks at the checkpoints that a job has written.")
    spot_price: float = _setting(0.3, "What a second of managed spot training is billed at, where on demand is 1.")
    torch_version: str = _setting(
        "2.13.0", "The PyTorch of script mode on a machine without a GPU, whatever the image."
    )
    model_memory_gib: float = _setting(
        0.0,
        "Memory in GiB for the container of a multi-model endpoint, its models with it; 0 means that of its instance "
        "type, at most job_memory_gib.",
    )
    serverless_idle_seconds: float = _setting(
        300.0, "Seconds without a request after which an instance of a serverless endpoint ends."
    )
    function_idle_seconds: float = _setting(
        300.0, "Seconds without an event after which a worker process of a Lambda function ends."
    )
    kinesis_limits: bool = _setting(
        True, "Throttle the shards of Kinesis as AWS does: 1,000 records or 1 MiB a second in, 5 reads or 2 MiB out."
    )
    query_slots: int = _setting(4, "Queries of Athena that run at once; further ones are queued.")
    query_memory_gib: float = _setting(
        0.0,
        "Memory in GiB for each running query, which spills to disk beyond it; 0 shares four fifths of the machine's.",
    )
    max_request_mib: int = _setting(64, "The largest request body in MiB; S3 object bodies are not counted.")

    def __post_init__(self) -> None:
        for name in ("data_dir", "cache_dir"):
            object.__setattr__(self, name, Path(getattr(self, name)).expanduser().absolute())
        if self.host not in LOOPBACK and (self.access_key, self.secret_key) == ("test", "test"):
            raise SettingsError(
                f"host is {self.host!r}, which others can reach: set CLARY_ACCESS_KEY and CLARY_SECRET_KEY first"
            )
        if self.compute and not re.fullmatch(r"ray://[^/:]+:\d+", self.compute):
            raise SettingsError(f"compute must be ray://host:port, not {self.compute!r}")
        if len(self.account) != 12 or not self.account.isdigit():
            raise SettingsError(f"account must be 12 digits, not {self.account!r}")
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"port must be 0 to 65535, not {self.port}")

    @property
    def kernels_dir(self) -> Path:
        """Where this installation's compiled kernels lie: each job gets a copy, so those of others stay apart."""
        return self.cache_dir / "kernels" / hashlib.sha256(__file__.encode()).hexdigest()[:12]

    @property
    def default_role_arn(self) -> str:
        """The role that exists at start."""
        return role_arn(self.account, DEFAULT_ROLE)


def load_settings(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """The settings from CLARY_* variables; what is given (and not None) wins over them."""
    values: dict[str, Any] = {}
    for row in fields(Settings):
        text = environment.get(f"CLARY_{row.name.upper()}")
        if text is not None:
            values[row.name] = _parse(row.name, text, row.type)
    values.update({name: value for name, value in given.items() if value is not None})
    return replace(Settings(), **values)


def _parse(name: str, text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("", "0", "false", "no", "off"):
            return False
        raise SettingsError(f"CLARY_{name.upper()} must be true or false, not {text!r}")
    try:
        return kind(text)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise SettingsError(f"CLARY_{name.upper()} must be {wanted}, not {text!r}") from None
