"""One program in its own namespaces, root and limits."""
