"""Amazon Athena: statements over files in S3 and the tables of the Glue catalog, run for real."""

from clary.services.athena.life import recover, running

__all__ = ["recover", "running"]
