"""Settings of a function that Clary does not have: reading them answers as AWS does where nothing is set.

Clients that compare what is with what shall be (Terraform, CloudFormation) read them all.
"""

from __future__ import annotations

from typing import Any

from clary.services.lambda_.errors import ProvisionedConcurrencyConfigNotFoundException, no_resource
from clary.services.lambda_.function_record import configuration_of, name_of, require
from clary.wire import Call, operation


@operation
def get_function_code_signing_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """No code is signed."""
    name = name_of(call, request)
    require(call.rooms, name)
    return {"FunctionName": name.function, "CodeSigningConfigArn": ""}


@operation
def get_function_recursion_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Functions that invoke themselves in a loop are not stopped."""
    require(call.rooms, name_of(call, request))
    return {"RecursiveLoop": "Allow"}


@operation
def get_function_url_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """There are no URLs."""
    configuration_of(call.rooms, name_of(call, request))
    raise no_resource()


@operation
def list_function_url_configs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """There are no URLs."""
    require(call.rooms, name_of(call, request))
    return {"FunctionUrlConfigs": []}


@operation
def get_provisioned_concurrency_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """No concurrency is provisioned."""
    configuration_of(call.rooms, name_of(call, request))
    raise ProvisionedConcurrencyConfigNotFoundException("No Provisioned Concurrency Config found for this function")


@operation
def list_provisioned_concurrency_configs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """No concurrency is provisioned."""
    require(call.rooms, name_of(call, request))
    return {"ProvisionedConcurrencyConfigs": []}
