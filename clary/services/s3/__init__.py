"""Amazon S3: buckets and objects. A file per resource; what other rooms may use stands in `inside.py`."""

from clary.services.s3.delivery import running
from clary.services.s3.delivery import watch as deliver_events
from clary.services.s3.expiration import watch as follow_lifecycles

__all__ = ["deliver_events", "follow_lifecycles", "running"]
