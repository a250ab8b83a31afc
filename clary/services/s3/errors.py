"""S3's errors, in S3's words."""

from clary.errors import ServiceError


class NoSuchBucket(ServiceError):
    """There is no bucket of that name."""

    code = "NoSuchBucket"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__("The specified bucket does not exist", fields={"BucketName": name})


class NoSuchKey(ServiceError):
    """There is no object of that key."""

    code = "NoSuchKey"
    status = 404

    def __init__(self, key: str, marker: str = "") -> None:
        # `marker` is the version of the delete marker that stands in the object's place.
        headers = {"x-amz-delete-marker": "true", "x-amz-version-id": marker} if marker else {}
        super().__init__("The specified key does not exist.", fields={"Key": key}, headers=headers)


class NoSuchVersion(ServiceError):
    """There is no such version of the object."""

    code = "NoSuchVersion"
    status = 404

    def __init__(self, key: str, version: str) -> None:
        super().__init__("The specified version does not exist.", fields={"Key": key, "VersionId": version})


class MethodNotAllowed(ServiceError):
    """A delete marker can be deleted and nothing else."""

    code = "MethodNotAllowed"
    status = 405

    def __init__(self, operation: str, marker: str) -> None:
        method = next(verb for verb in ("Get", "Head", "Put", "Delete", "Copy", "Upload") if operation.startswith(verb))
        super().__init__(
            "The specified method is not allowed against this resource.",
            fields={"Method": method.upper(), "ResourceType": "DeleteMarker"},
            headers={"x-amz-delete-marker": "true", "x-amz-version-id": marker, "allow": "DELETE"},
        )


class NoSuchUpload(ServiceError):
    """There is no such multipart upload, or no longer."""

    code = "NoSuchUpload"
    status = 404

    def __init__(self, upload: str) -> None:
        message = (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed."
        )
        super().__init__(message, fields={"UploadId": upload})


class AccessDenied(ServiceError):
    """The bucket belongs to somebody else."""

    code = "AccessDenied"
    status = 403

    def __init__(self, message: str = "Access Denied") -> None:
        super().__init__(message)


class InvalidArgument(ServiceError):
    """A parameter has a value that it can't have."""

    code = "InvalidArgument"
    status = 400

    def __init__(self, message: str, name: str, value: object) -> None:
        super().__init__(message, fields={"ArgumentName": name, "ArgumentValue": str(value)})


class InvalidRequest(ServiceError):
    """The parts of the request don't fit together."""

    code = "InvalidRequest"
    status = 400


class MalformedXML(ServiceError):
    """The body is XML of another form than the operation's."""

    code = "MalformedXML"
    status = 400

    def __init__(self) -> None:
        super().__init__("The XML you provided was not well-formed or did not validate against our published schema")


class PreconditionFailed(ServiceError):
    """A condition of the request does not hold."""

    code = "PreconditionFailed"
    status = 412

    def __init__(self, condition: str) -> None:
        message = "At least one of the pre-conditions you specified did not hold"
        super().__init__(message, fields={"Condition": condition})


class BadDigest(ServiceError):
    """The bytes that came are not those that the client hashed."""

    code = "BadDigest"
    status = 400


class NotImplementedHere(ServiceError):
    """The request asks for something that Clary does not do."""

    code = "NotImplemented"
    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(f"Clary does not do this: {what}. See docs/differences.md.")


class EntityTooLarge(ServiceError):
    """More bytes than one request may bring."""

    code = "EntityTooLarge"
    status = 400

    def __init__(self, size: int, limit: int) -> None:
        message = "Your proposed upload exceeds the maximum allowed size"
        super().__init__(message, fields={"ProposedSize": str(size), "MaxSizeAllowed": str(limit)})
