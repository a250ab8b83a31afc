"""The life of an endpoint."""
