"""A botocore client plugin that keeps every AWS request on this machine.

The SageMaker SDKs give some of their clients (STS first of all) an explicit AWS address, which outranks
AWS_ENDPOINT_URL. Before such a request is signed, its address becomes the configured endpoint.
`clary env` puts this folder on PYTHONPATH and names the module in BOTOCORE_EXPERIMENTAL__PLUGINS.
"""

import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def initialize_client_plugin(client: Any) -> None:
    """Called by botocore for each client it builds."""
    client.meta.events.register_first("before-sign.*.*", stay_home)


def stay_home(request: Any, **_: Any) -> None:
    """Send what is addressed to AWS to the configured endpoint instead."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    parts = urlsplit(request.url)
    if endpoint and (parts.hostname or "").endswith(AWS_DOMAINS):
        home = urlsplit(endpoint)
        request.url = urlunsplit((home.scheme, home.netloc, parts.path, parts.query, parts.fragment))
