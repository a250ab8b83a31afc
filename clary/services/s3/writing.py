"""What PutObject, CopyObject and CompleteMultipartUpload have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.s3.checksums import checksum_members
from clary.services.s3.conditions import check_write
from clary.services.s3.encryption import encryption_answer
from clary.services.s3.event import announcing, asked_by
from clary.services.s3.lifecycle import expiry_member
from clary.services.s3.object_lock import lock_written
from clary.services.s3.ownership import own_bucket
from clary.services.s3.versioning import written_version

if TYPE_CHECKING:
    from clary.store.object_rows import Bucket, Found, Object
    from clary.wire import Call


class Writing:
    """One write of an object: `check` runs inside its transaction, `announce` tells of it, `answer` says what came."""

    def __init__(self, call: Call, request: dict[str, Any], event: str) -> None:
        self.announce = announcing(call.rooms, asked_by(call), event)
        self.bucket: Bucket | None = None
        self._call = call
        self._request = request

    def check(self, details: dict[str, Any], found: Found) -> None:
        """Raise where the object may not be written; what its bucket locks by default is added to the details."""
        self.bucket = own_bucket(self._call, self._request, found.bucket)
        check_write(self._request, found.object)
        lock_written(self.bucket, details, self._call.rooms.clock.now())

    def answer(self, stored: Object) -> dict[str, Any]:
        """The members that tell of the object as it is now."""
        return {
            **checksum_members(stored),
            **encryption_answer(stored.details),
            **written_version(stored),
            **expiry_member(self.bucket, stored),
        }
