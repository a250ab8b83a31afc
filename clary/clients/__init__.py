"""What AWS's own clients need to find this server: the variables that `clary env` prints."""

import json
import shlex
from pathlib import Path
from typing import Any

from clary.config import Settings

HERE = Path(__file__).parent
PLUGIN = "clary=clary_botocore"

# A session token or a switch left over from real AWS would break the keys or the endpoint that are set here.
CLEARED = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")


def variables(settings: Settings, port: int, environment: dict[str, str]) -> dict[str, str]:
    """The environment of a client of the server on that port."""
    python_path = [str(HERE / "plugin"), *_others(environment.get("PYTHONPATH", ""))]
    return {
        "AWS_ENDPOINT_URL": f"http://{address(settings.host)}:{port}",
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": settings.access_key,
        "AWS_SECRET_ACCESS_KEY": settings.secret_key,
        "SAGEMAKER_ROLE_ARN": settings.default_role_arn,
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(HERE / "sagemaker.yaml"),
        "BOTOCORE_EXPERIMENTAL__PLUGINS": PLUGIN,
        "PYTHONPATH": ":".join(python_path),
    }


def exports(settings: Settings, port: int, environment: dict[str, str]) -> list[str]:
    """Shell lines that point AWS's clients at the server."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables(settings, port, environment).items()]
    return [f"unset {' '.join(CLEARED)}", *lines]


def unsets(settings: Settings, environment: dict[str, str]) -> list[str]:
    """Shell lines that take the variables back; what else stands on PYTHONPATH stays."""
    others = _others(environment.get("PYTHONPATH", ""))
    names = list(variables(settings, settings.port, {}))
    if not others:
        return [f"unset {' '.join(names)}"]
    names.remove("PYTHONPATH")
    return [f"unset {' '.join(names)}", f"export PYTHONPATH={shlex.quote(':'.join(others))}"]


def warnings(environment: dict[str, str]) -> list[str]:
    """What in the environment will lead clients elsewhere all the same."""
    found = [name for name in sorted(environment) if name.startswith("AWS_ENDPOINT_URL_")]
    return [f"{name} is set to {environment[name]} and wins over AWS_ENDPOINT_URL for its service" for name in found]


def health(url: str) -> dict[str, Any] | None:
    """What the Clary at an endpoint says of itself; None where none answers."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/_clary/health", timeout=5) as reply:  # noqa: S310
            return dict(json.load(reply))
    except (urllib.error.URLError, OSError, ValueError):
        return None


def address(host: str) -> str:
    """The address that a client on this machine reaches a listening host by."""
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _others(python_path: str) -> list[str]:
    return [entry for entry in python_path.split(":") if entry and entry != str(HERE / "plugin")]
