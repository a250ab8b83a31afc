"""The refusals of an unauthenticated request, in the words of the protocol that asked."""

from clary.errors import ServiceError

# Services of the query protocol name these errors otherwise than the JSON services do; S3 has names of its own.
QUERY_SERVICES = frozenset({"iam", "sts", "rds", "redshift", "ec2", "sns", "autoscaling", "elasticloadbalancing"})

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
MISMATCH_S3 = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


def unknown_key(service: str, access_key: str) -> ServiceError:
    """The access key id belongs to nobody."""
    if service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return ServiceError(message, code="InvalidAccessKeyId", status=403, fields={"AWSAccessKeyId": access_key})
    if service in QUERY_SERVICES:
        message = "The security token included in the request is invalid."
        return ServiceError(message, code="InvalidClientTokenId", status=403)
    message = "The security token included in the request is invalid."
    return ServiceError(message, code="UnrecognizedClientException", status=400)


def wrong_signature(service: str, access_key: str) -> ServiceError:
    """The signature is not the one that the secret key gives."""
    if service == "s3":
        fields = {"AWSAccessKeyId": access_key}
        return ServiceError(MISMATCH_S3, code="SignatureDoesNotMatch", status=403, fields=fields)
    if service in QUERY_SERVICES:
        return ServiceError(MISMATCH, code="SignatureDoesNotMatch", status=403)
    return ServiceError(MISMATCH, code="InvalidSignatureException", status=400)


def skewed_clock(service: str, signed: str, now: str, limit: str) -> ServiceError:
    """The time of the signature is too far from the server's; `limit` is its nearer allowed end."""
    if service == "s3":
        message = "The difference between the request time and the current time is too large."
        fields = {"RequestTime": signed, "ServerTime": now, "MaxAllowedSkewMilliseconds": "900000"}
        return ServiceError(message, code="RequestTimeTooSkewed", status=403, fields=fields)
    if signed < now:
        message = f"Signature expired: {signed} is now earlier than {limit} ({now} - 5 min.)"
    else:
        message = f"Signature not yet current: {signed} is still later than {limit} ({now} + 5 min.)"
    if service in QUERY_SERVICES:
        return ServiceError(message, code="SignatureDoesNotMatch", status=403)
    return ServiceError(message, code="InvalidSignatureException", status=400)


def bad_token(service: str) -> ServiceError:
    """The session token is not one that this server gave."""
    if service == "s3":
        message = "The provided token is malformed or otherwise invalid."
        return ServiceError(message, code="InvalidToken", status=400)
    return unknown_key(service, "")


def expired_token(service: str) -> ServiceError:
    """The session token has run out."""
    if service == "s3":
        return ServiceError("The provided token has expired.", code="ExpiredToken", status=400)
    message = "The security token included in the request is expired"
    if service in QUERY_SERVICES:
        return ServiceError(message, code="ExpiredToken", status=403)
    return ServiceError(message, code="ExpiredTokenException", status=400)


def no_credentials(service: str) -> ServiceError:
    """The request is not signed; unsigned requests are S3's."""
    if service in ("s3", ""):
        return ServiceError("Access Denied", code="AccessDenied", status=403)
    message = "Request is missing Authentication Token"
    return ServiceError(message, code="MissingAuthenticationTokenException", status=403)


def missing_field(name: str) -> ServiceError:
    """A form lacks a field of its signature."""
    message = (
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    )
    fields = {"ArgumentName": name, "ArgumentValue": ""}
    return ServiceError(message, code="InvalidArgument", status=400, fields=fields)


def incomplete_signature(service: str, message: str) -> ServiceError:
    """The authorization header or query lacks a part, or holds one that can't be."""
    if service in ("s3", ""):
        return ServiceError(message, code="AuthorizationHeaderMalformed", status=400)
    if service in QUERY_SERVICES:
        return ServiceError(message, code="IncompleteSignature", status=400)
    return ServiceError(message, code="IncompleteSignatureException", status=400)


def query_error(message: str) -> ServiceError:
    """A presigned URL lacks a parameter, or holds one that can't be."""
    return ServiceError(message, code="AuthorizationQueryParametersError", status=400)


def expired_url(expires: str, now: str) -> ServiceError:
    """A presigned URL is used after its end."""
    fields = {"Expires": expires, "ServerTime": now}
    return ServiceError("Request has expired", code="AccessDenied", status=403, fields=fields)
