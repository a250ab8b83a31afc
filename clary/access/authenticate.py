"""Verifies who signed a request. Authorisation by policy has its place behind this step."""

import hmac
from collections.abc import Mapping

from clary.access import errors, signatures
from clary.access.identities import Credential, Identities, Identity
from clary.access.parse import credential_scope, iso_time, parse_header, parse_query, seconds_of, signing_time
from clary.access.signatures import ChunkSigner, Scope, SignatureV4, SignedRequest
from clary.clock import Clock
from clary.config import Settings
from clary.errors import ServiceError
from clary.store.records import Records

_FORM_V4 = ("X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date")
_FORM_V2 = ("Signature", "AWSAccessKeyId")
SKEW_SECONDS = {"s3": 900.0}  # AWS: 15 minutes for S3, 5 for the rest


class Access:
    """Verifies who signed a request."""

    def __init__(self, settings: Settings, records: Records, clock: Clock) -> None:
        self.identities = Identities(settings, records, clock)
        self._clock = clock

    def authenticate(self, request: SignedRequest) -> tuple[Identity, Scope]:
        """The caller and the scope of the signature; anything wrong with it is refused with AWS's code."""
        authorization = request.header(b"authorization")
        if authorization:
            return self._header_v4(request, authorization)
        query = dict(request.query())
        if "X-Amz-Algorithm" in query or "X-Amz-Signature" in query:
            return self._query_v4(request, query)
        if "AWSAccessKeyId" in query and "Signature" in query:
            return self._query_v2(request, query)
        raise errors.no_credentials("s3" if request.header(b"x-amz-target") == "" else "json")

    def authenticate_form(self, fields: Mapping[str, str]) -> tuple[Identity, str]:
        """Who signed the policy of a form, and for which region; fields by their names in lower case."""
        version_4 = any(name.lower() in fields for name in _FORM_V4)
        if not version_4 and not any(name.lower() in fields for name in _FORM_V2):
            raise errors.no_credentials("s3")
        for name in (*(_FORM_V4 if version_4 else _FORM_V2), "Policy"):
            if name.lower() not in fields:
                raise errors.missing_field(name)
        if version_4 and fields["x-amz-algorithm"] != signatures.ALGORITHM:
            raise errors.query_error('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
        named = fields["x-amz-credential"] if version_4 else f"{fields['awsaccesskeyid']}////aws4_request"
        access_key, date, region, service = credential_scope(named, "s3")
        credential = self.identities.find("s3", access_key, fields.get("x-amz-security-token", ""))
        if credential is None:
            raise errors.unknown_key("s3", access_key)
        if version_4:
            expected = signatures.sign_form_v4(credential.secret, date, region, service, fields["policy"])
        else:
            expected = signatures.sign_form_v2(credential.secret, fields["policy"])
        if not hmac.compare_digest(expected.encode(), fields["x-amz-signature" if version_4 else "signature"].encode()):
            raise errors.wrong_signature("s3", access_key)
        return credential.identity, region

    def chunk_signer(self, request: SignedRequest) -> ChunkSigner:
        """What signs the chunks of an aws-chunked body whose head was authenticated."""
        signature = parse_header(request, request.header(b"authorization"))
        credential = self._credential(signature, request.header(b"x-amz-security-token"))
        return ChunkSigner(credential.secret, signature)

    def _header_v4(self, request: SignedRequest, authorization: str) -> tuple[Identity, Scope]:
        signature = parse_header(request, authorization)
        self._check_clock(signature)
        credential = self._credential(signature, request.header(b"x-amz-security-token"))
        claimed = request.header(b"x-amz-content-sha256")
        if signature.service == "s3":
            if not claimed:
                message = "Missing required header for this request: x-amz-content-sha256"
                raise ServiceError(message, code="InvalidRequest", status=400)
            self._check(request, signature, credential, claimed)
        else:
            self._check(request, signature, credential, request.body_sha256 or claimed)
        return credential.identity, Scope(signature.service, signature.region)

    def _query_v4(self, request: SignedRequest, query: dict[str, str]) -> tuple[Identity, Scope]:
        signature = parse_query(query)
        now = self._clock.now()
        start = seconds_of(signature.time)
        assert signature.expires is not None
        if start - now > SKEW_SECONDS["s3"]:
            raise ServiceError("Request is not valid yet", code="AccessDenied", status=403)
        if now > start + signature.expires:
            raise errors.expired_url(iso_time(start + signature.expires), iso_time(now))
        credential = self._credential(signature, query.get("X-Amz-Security-Token", ""))
        payload = request.header(b"x-amz-content-sha256") or query.get("X-Amz-Content-Sha256") or signatures.UNSIGNED
        if signature.service != "s3":
            payload = request.body_sha256 or signatures.EMPTY_SHA256
        self._check(request, signature, credential, payload)
        return credential.identity, Scope(signature.service, signature.region)

    def _query_v2(self, request: SignedRequest, query: dict[str, str]) -> tuple[Identity, Scope]:
        access_key = query["AWSAccessKeyId"]
        expires = query.get("Expires", "")
        if not expires.isdigit():
            message = f"Invalid date (should be seconds since epoch): {expires}"
            raise ServiceError(message, code="AccessDenied", status=403)
        if self._clock.now() > int(expires):
            raise errors.expired_url(iso_time(float(expires)), iso_time(self._clock.now()))
        credential = self.identities.find("s3", access_key, query.get("x-amz-security-token", ""))
        if credential is None:
            raise errors.unknown_key("s3", access_key)
        path = request.raw_path.decode("latin-1")
        # A client that addresses the bucket in the host name signs the path with the bucket in front.
        bucket = request.header(b"host").split(".")[0]
        for candidate in (path, f"/{bucket}{path}"):
            expected = signatures.sign_v2(credential.secret, request, candidate)
            if hmac.compare_digest(expected.encode(), query["Signature"].encode()):
                return credential.identity, Scope("s3", "")
        raise errors.wrong_signature("s3", access_key)

    def _credential(self, signature: SignatureV4, token: str) -> Credential:
        credential = self.identities.find(signature.service, signature.access_key, token)
        if credential is None:
            raise errors.unknown_key(signature.service, signature.access_key)
        return credential

    def _check(self, request: SignedRequest, signature: SignatureV4, credential: Credential, payload: str) -> None:
        for path in signatures.canonical_paths(request, signature.service):
            canonical = signatures.canonical_request(request, signature, payload, path)
            expected = signatures.sign_v4(credential.secret, signature, canonical)
            if hmac.compare_digest(expected.encode(), signature.signature.encode()):
                return
        raise errors.wrong_signature(signature.service, signature.access_key)

    def _check_clock(self, signature: SignatureV4) -> None:
        now = self._clock.now()
        limit = SKEW_SECONDS.get(signature.service, 300.0)
        signed = seconds_of(signature.time)
        if abs(now - signed) > limit:
            nearest = now - limit if signed < now else now + limit
            raise errors.skewed_clock(signature.service, signature.time, signing_time(now), signing_time(nearest))
