"""The flows of the SageMaker Python SDK v3, unmodified, after `eval "$(clary env)"`: python v3_flows.py [FLOW ...]."""

import sys

import flow
import v3_hosting
import v3_jobs
from sagemaker.core.config.config_schema import SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA

FLOWS = flow.flows_of(v3_hosting, v3_jobs)

if __name__ == "__main__":
    flow.check_schema_once(SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA)
    flow.run(FLOWS, sys.argv[1:])
