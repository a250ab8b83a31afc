"""The flows of the SageMaker Python SDK v2, unmodified, after `eval "$(clary env)"`: python v2_flows.py [FLOW ...]."""

import sys

import flow
import v2_algorithms
import v2_hosting
import v2_jobs
from sagemaker.config.config_schema import SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA

FLOWS = flow.flows_of(v2_algorithms, v2_hosting, v2_jobs)

if __name__ == "__main__":
    flow.check_schema_once(SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA)
    flow.run(FLOWS, sys.argv[1:])
