"""Amazon S3: buckets and objects. A file per resource; what other rooms may use stands in `inside.py`."""

from clary.services.s3.delivery import recover, running

__all__ = ["recover", "running"]
