"""Amazon CloudWatch Logs: groups, streams, events and their search."""
