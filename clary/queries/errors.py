"""What went wrong with a query, in Athena's words."""

from clary.errors import ClientError


class QueryError(ClientError):
    """The query or the data that it reads is wrong; the message begins with the name that Athena gives the kind."""
