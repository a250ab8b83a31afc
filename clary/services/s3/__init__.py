"""Amazon S3: buckets and objects. A file per resource; what other rooms may use stands in `inside.py`."""
