"""A folder per AWS service, a file per resource."""
