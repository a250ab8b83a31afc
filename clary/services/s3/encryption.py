"""Server-side encryption as far as it is only named: SSE-S3 and aws:kms are recorded, customer keys are refused."""

from typing import Any

from clary.services.s3.errors import InvalidArgument, NotImplementedHere

_RECORDED = ("SSEKMSKeyId", "BucketKeyEnabled")


def encryption_of(request: dict[str, Any]) -> dict[str, Any]:
    """What to keep with the object; raises for what Clary doesn't do."""
    refuse_customer_keys(request)
    algorithm = request.get("ServerSideEncryption", "AES256")
    if algorithm == "aws:kms":
        # The SageMaker SDK asks for this on every script it uploads. Nothing is encrypted; docs/differences.md says so.
        return {"ServerSideEncryption": algorithm} | {name: request[name] for name in _RECORDED if name in request}
    if algorithm != "AES256":
        if algorithm not in ("aws:kms:dsse", "aws:fsx", "aws:backup"):
            message = "The encryption method specified is not supported"
            raise InvalidArgument(message, "x-amz-server-side-encryption", algorithm)
        raise NotImplementedHere(f"encryption with {algorithm} (x-amz-server-side-encryption)")
    if "SSEKMSKeyId" in request:
        message = (
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : "
            "aws:kms"
        )
        raise InvalidArgument(message, "x-amz-server-side-encryption", request.get("ServerSideEncryption", "null"))
    return {}


def refuse_customer_keys(request: dict[str, Any]) -> None:
    """Refuse SSE-C and the encryption context of SSE-KMS."""
    for name in request:
        if name.startswith(("SSECustomer", "CopySourceSSECustomer")):
            raise NotImplementedHere("encryption with customer keys (x-amz-server-side-encryption-customer-algorithm)")
    if "SSEKMSEncryptionContext" in request:
        raise NotImplementedHere("an encryption context (x-amz-server-side-encryption-context)")


def encryption_answer(details: dict[str, Any]) -> dict[str, Any]:
    """The members that tell how an object is encrypted, in the answer to a write."""
    answer = {name: details[name] for name in ("ServerSideEncryption", *_RECORDED) if name in details}
    return answer or {"ServerSideEncryption": "AES256"}
