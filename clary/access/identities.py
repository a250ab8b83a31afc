"""Who may call: the root key, the access keys of IAM users, and temporary keys of assumed roles.

Temporary keys are not stored: the session token carries whom they stand for and when they end, sealed with a key
of this server, and the secret key follows from the access key id. They hold over a restart and cost no look-up.
"""

import base64
import binascii
import hmac
import secrets
import threading
from typing import NamedTuple

import msgspec

from clary.access.errors import bad_token, expired_token
from clary.clock import Clock
from clary.config import Settings
from clary.names import DEFAULT_ROLE, make_arn
from clary.store.records import Key, RecordExists, Records

USER_KEY_KIND = "iam/access-key"
CACHE_SECONDS = 5.0  # how long a key that another server on the same database disabled may still answer


class Identity(msgspec.Struct, frozen=True):
    """Who signed a request."""

    account: str
    arn: str
    user_id: str
    access_key: str


class Credential(NamedTuple):
    """A secret key and whom it stands for."""

    secret: str
    identity: Identity


class TemporaryKeys(NamedTuple):
    """What AssumeRole hands out."""

    access_key: str
    secret_key: str
    session_token: str
    expiration: float


class _Session(msgspec.Struct, frozen=True, array_like=True):
    identity: Identity
    expiration: float


class Identities:
    """Finds the credential behind an access key id, and issues temporary ones."""

    def __init__(self, settings: Settings, records: Records, clock: Clock) -> None:
        self._settings = settings
        self._records = records
        self._clock = clock
        self._seal_key = b""
        self._lock = threading.Lock()
        self._user_keys: dict[str, tuple[float, Credential | None]] = {}
        session = make_arn("sts", "", settings.account, f"assumed-role/{DEFAULT_ROLE}/clary")
        root = Identity(settings.account, session, f"{unique_id('AROA', DEFAULT_ROLE)}:clary", settings.access_key)
        self._root = Credential(settings.secret_key, root)

    def find(self, service: str, access_key: str, token: str) -> Credential | None:
        """The credential of an access key id, or None; a token that is forged or has run out is refused."""
        if access_key == self._root.identity.access_key:
            return self._root
        if token:
            return self._session(service, access_key, token)
        now = self._clock.now()
        cached = self._user_keys.get(access_key)
        if cached is None or cached[0] < now:
            cached = (now + CACHE_SECONDS, self._user_key(access_key))
            self._user_keys[access_key] = cached
        return cached[1]

    def forget(self, access_key: str) -> None:
        """Look the key up anew: it was made, changed or deleted."""
        self._user_keys.pop(access_key, None)

    def issue(self, account: str, arn: str, user_id: str, seconds: float) -> TemporaryKeys:
        """Temporary keys that stand for an assumed role or a federated user."""
        access_key = "ASIA" + _letters(16)
        expiration = float(int(self._clock.now() + seconds))
        identity = Identity(account, arn, user_id, access_key)
        sealed = msgspec.json.encode(_Session(identity, expiration))
        token = base64.b64encode(self._seal(sealed) + sealed).decode()
        return TemporaryKeys(access_key, self._derived_secret(access_key), token, expiration)

    def _session(self, service: str, access_key: str, token: str) -> Credential:
        try:
            raw = base64.b64decode(token, validate=True)
        except binascii.Error:
            raise bad_token(service) from None
        seal, sealed = raw[:32], raw[32:]
        if not hmac.compare_digest(seal, self._seal(sealed)):
            raise bad_token(service)
        session = msgspec.json.decode(sealed, type=_Session)
        if session.identity.access_key != access_key:
            raise bad_token(service)
        if session.expiration < self._clock.now():
            raise expired_token(service)
        return Credential(self._derived_secret(access_key), session.identity)

    def _user_key(self, access_key: str) -> Credential | None:
        record = self._records.get(Key(USER_KEY_KIND, "", "", access_key))
        if record is None or record.body["Status"] != "Active":
            return None
        body = record.body
        return Credential(
            body["SecretAccessKey"], Identity(body["Account"], body["UserArn"], body["UserId"], access_key)
        )

    def _seal(self, data: bytes) -> bytes:
        return hmac.digest(self._server_key(), b"session" + data, "sha256")

    def _derived_secret(self, access_key: str) -> str:
        return base64.b64encode(
            hmac.digest(self._server_key(), b"secret" + access_key.encode(), "sha256")[:30]
        ).decode()

    def _server_key(self) -> bytes:
        with self._lock:
            if not self._seal_key:
                key = Key("access/server-key", "", "", "session")
                try:
                    record = self._records.create(key, {"key": secrets.token_hex(32)})
                except RecordExists:
                    found = self._records.get(key)
                    assert found is not None
                    record = found
                self._seal_key = bytes.fromhex(record.body["key"])
            return self._seal_key


def unique_id(prefix: str, name: str) -> str:
    """The unique id of an IAM resource that exists by itself: always the same for a name."""
    digest = hmac.digest(b"clary", f"{prefix}{name}".encode(), "sha256")
    return prefix + base64.b32encode(digest).decode()[:17]


def new_id(prefix: str) -> str:
    """A fresh unique id of IAM, e.g. AROA... for a role or AIDA... for a user."""
    return prefix + _letters(17)


def new_secret() -> str:
    """A fresh secret access key of 40 characters."""
    return base64.b64encode(secrets.token_bytes(30)).decode()


def _letters(count: int) -> str:
    return base64.b32encode(secrets.token_bytes(count)).decode()[:count]
