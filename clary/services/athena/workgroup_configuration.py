"""The settings of workgroups: which are taken, and what an update makes of them."""

from __future__ import annotations

from typing import Any

from clary.services.athena.errors import InvalidRequestException, refuse
from clary.services.athena.result_location import check_result_configuration
from clary.services.athena.workgroups import ENGINE, ENGINES, fresh_configuration

_PLAIN = (
    "EnforceWorkGroupConfiguration",
    "PublishCloudWatchMetricsEnabled",
    "BytesScannedCutoffPerQuery",
    "EnableMinimumEncryptionConfiguration",
)
_REMOVABLE = ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner", "AclConfiguration")


def new_configuration(asked: dict[str, Any]) -> dict[str, Any]:
    """What a new workgroup is set to; its settings override a query's unless that is switched off."""
    _refuse(asked)
    results = dict(asked.get("ResultConfiguration") or {})
    check_result_configuration(results)
    return {
        **fresh_configuration(),
        "EnforceWorkGroupConfiguration": True,
        **{name: asked[name] for name in _PLAIN if name in asked},
        "ResultConfiguration": results,
        "EngineVersion": _engine(asked),
    }


def update_configuration(configuration: dict[str, Any], updates: dict[str, Any]) -> None:
    """Change the settings of a workgroup in place."""
    _refuse(updates)
    configuration.update({name: updates[name] for name in _PLAIN if name in updates})
    if updates.get("RemoveBytesScannedCutoffPerQuery"):
        configuration.pop("BytesScannedCutoffPerQuery", None)
    if "EngineVersion" in updates:
        configuration["EngineVersion"] = _engine(updates)
    results = updates.get("ResultConfigurationUpdates") or {}
    for name in _REMOVABLE:
        if results.get(f"Remove{name}"):
            configuration["ResultConfiguration"].pop(name, None)
        elif name in results:
            configuration["ResultConfiguration"][name] = results[name]
    check_result_configuration(configuration["ResultConfiguration"])


def _refuse(asked: dict[str, Any]) -> None:
    refuse(
        asked,
        "RequesterPaysEnabled",
        "AdditionalConfiguration",
        "ExecutionRole",
        "CustomerContentEncryptionConfiguration",
        "EngineConfiguration",
    )
    for name, switch in (
        ("ManagedQueryResultsConfiguration", "Enabled"),
        ("ManagedQueryResultsConfigurationUpdates", "Enabled"),
        ("IdentityCenterConfiguration", "EnableIdentityCenter"),
        ("QueryResultsS3AccessGrantsConfiguration", "EnableS3AccessGrants"),
    ):
        if (asked.get(name) or {}).get(switch):
            refuse({name: True}, name)
    for name, logging in (asked.get("MonitoringConfiguration") or {}).items():
        if logging.get("Enabled"):
            refuse({f"MonitoringConfiguration.{name}": True}, f"MonitoringConfiguration.{name}")


def _engine(asked: dict[str, Any]) -> dict[str, str]:
    selected = (asked.get("EngineVersion") or {}).get("SelectedEngineVersion", "AUTO")
    if selected not in ENGINES:
        raise InvalidRequestException(
            f"EngineVersion {selected} is not supported by Clary: it has {' and '.join(ENGINES)}."
        )
    return {**ENGINE, "SelectedEngineVersion": selected}
