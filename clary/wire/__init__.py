"""HTTP in, HTTP out, driven by botocore's models."""
