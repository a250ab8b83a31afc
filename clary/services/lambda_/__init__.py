"""AWS Lambda: Python functions, run in sandboxed processes that are kept warm."""

from clary.services.lambda_.code import PAGE, download
from clary.services.lambda_.life import recover, running
from clary.services.lambda_.measurements import store as store_measurements

__all__ = ["PAGE", "download", "recover", "running", "store_measurements"]
