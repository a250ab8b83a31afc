"""The flows of the SageMaker Python SDK v2, unmodified, after `eval "$(clary env)"`: python v2_flows.py [FLOW ...]."""

import sys

import flow
import jsonschema
import v2_algorithms
import v2_hosting
import v2_jobs
from sagemaker.config.config_schema import SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA

FLOWS = flow.flows_of(v2_algorithms, v2_hosting, v2_jobs)


def check_schemas_once():
    """Spare the flows what costs the SDK most: each look into its defaults checks its own schema, 0.2 s every time."""
    validator = jsonschema.validators.validator_for(SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA)
    validator.check_schema(SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA)
    validator.check_schema = classmethod(lambda cls, schema: None)


if __name__ == "__main__":
    check_schemas_once()
    flow.run(FLOWS, sys.argv[1:])
