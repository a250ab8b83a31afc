"""The ids that replies carry."""

import base64
import hashlib


def host_id(request_id: str) -> str:
    """S3's second id of a request, x-amz-id-2."""
    return base64.b64encode(hashlib.sha384(request_id.encode()).digest()).decode()
