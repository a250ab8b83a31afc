"""Settings of a bucket that Clary does not have: reading them answers as AWS does for a fresh bucket.

Removing one that was never there succeeds, as on AWS. Writing one is not here at all, so it is refused by its name;
but a write that only says what is so anyway is accepted.
"""

from typing import Any

from clary.errors import ServiceError
from clary.services.s3.errors import NotImplementedHere
from clary.services.s3.ownership import require_bucket
from clary.wire import Call, operation

_AES256 = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}


class NotSet(ServiceError):
    """The bucket has no such setting; each has a code of its own."""

    status = 404


def _not_set(call: Call, request: dict[str, Any], code: str, message: str) -> NotSet:
    bucket = require_bucket(call, request)
    return NotSet(message, code=code, fields={"BucketName": bucket.name})


def _nothing(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    require_bucket(call, request)
    return {}


def _accept(call: Call, request: dict[str, Any], what: str, *, asks_nothing: bool) -> dict[str, Any]:
    """Accept a write that changes nothing; refuse any other by its name."""
    require_bucket(call, request)
    if not asks_nothing:
        raise NotImplementedHere(what)
    return {}


@operation
def get_bucket_logging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Off."""
    return _nothing(call, request)


@operation
def put_bucket_logging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Off is accepted."""
    nothing = not request["BucketLoggingStatus"].get("LoggingEnabled")
    return _accept(call, request, "server access logging", asks_nothing=nothing)


@operation
def get_bucket_accelerate_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Off."""
    return _nothing(call, request)


@operation
def put_bucket_accelerate_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Off is accepted."""
    nothing = request["AccelerateConfiguration"].get("Status", "Suspended") == "Suspended"
    return _accept(call, request, "transfer acceleration", asks_nothing=nothing)


@operation
def get_bucket_request_payment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The owner pays."""
    require_bucket(call, request)
    return {"Payer": "BucketOwner"}


@operation
def put_bucket_request_payment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """That the owner pays is accepted."""
    payer = request["RequestPaymentConfiguration"]["Payer"]
    return _accept(call, request, f"request payment by {payer}", asks_nothing=payer == "BucketOwner")


@operation
def get_bucket_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """SSE-S3, every new bucket's."""
    require_bucket(call, request)
    return {"ServerSideEncryptionConfiguration": {"Rules": [_AES256]}}


@operation
def put_bucket_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """SSE-S3 is accepted."""
    rules = request["ServerSideEncryptionConfiguration"]["Rules"]
    algorithms = {rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256") for rule in rules}
    what = f"default encryption with {', '.join(sorted(algorithms - {'AES256'}))}"
    return _accept(call, request, what, asks_nothing=algorithms <= {"AES256"})


@operation
def delete_bucket_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Back to SSE-S3."""
    return _nothing(call, request)


@operation
def get_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The bucket's owner owns every object."""
    require_bucket(call, request)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


@operation
def put_bucket_ownership_controls(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """That the bucket's owner owns every object is accepted."""
    ownership = {rule["ObjectOwnership"] for rule in request["OwnershipControls"]["Rules"]}
    what = f"the object ownership {', '.join(sorted(ownership))}"
    return _accept(call, request, what, asks_nothing=ownership <= {"BucketOwnerEnforced"})


@operation
def get_bucket_website(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """None."""
    message = "The specified bucket does not have a website configuration"
    raise _not_set(call, request, "NoSuchWebsiteConfiguration", message)


@operation
def delete_bucket_website(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """There is none to delete."""
    return _nothing(call, request)


@operation
def get_bucket_replication(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """None."""
    message = "The replication configuration was not found"
    raise _not_set(call, request, "ReplicationConfigurationNotFoundError", message)


@operation
def delete_bucket_replication(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """There is none to delete."""
    return _nothing(call, request)


@operation
def list_bucket_analytics_configurations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """None."""
    return _nothing(call, request) | {"IsTruncated": False}


@operation
def list_bucket_intelligent_tiering_configurations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """None."""
    return _nothing(call, request) | {"IsTruncated": False}


@operation
def list_bucket_inventory_configurations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """None."""
    return _nothing(call, request) | {"IsTruncated": False}


@operation
def list_bucket_metrics_configurations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """None."""
    return _nothing(call, request) | {"IsTruncated": False}
