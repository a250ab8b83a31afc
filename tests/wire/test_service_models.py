"""Models of services: what stands in front is read at a start, all else when a service is first used."""

from types import ModuleType

import pytest

from clary.app import SERVICES
from clary.wire import Registry
from clary.wire.model import load_metadata, load_model
from clary.wire.operation import operation


@pytest.mark.parametrize("service", [*SERVICES, "ec2", "dynamodb"])
def test_what_is_said_of_the_service_as_a_whole_is_read_without_the_rest(service):
    assert load_metadata(service) == load_model(service).metadata


def test_a_registry_reads_no_model_before_its_service_is_used():
    load_model.cache_clear()
    registry = Registry.load(["sts", "glue"])
    assert load_model.cache_info().currsize == 0
    assert registry.by_target["AWSGlue"].name == "glue"
    assert registry.services["sts"].operations["GetCallerIdentity"].function is not None
    assert load_model.cache_info().currsize == 1


def test_a_function_of_no_operation_is_told_when_its_service_is_used():
    @operation(service="logs")
    def put_the_kettle_on(call, request):
        """No operation of CloudWatch Logs."""

    module = ModuleType(put_the_kettle_on.__module__)
    module.put_the_kettle_on = put_the_kettle_on
    registry = Registry([module])
    with pytest.raises(NameError, match="put_the_kettle_on: no operation of logs has this name"):
        _ = registry.services["logs"].operations


def test_a_service_that_botocore_does_not_know_is_refused():
    with pytest.raises(LookupError, match="no model of a service named 'kettle'"):
        Registry((), ["kettle"])
