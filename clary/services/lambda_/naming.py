"""The names of functions: alone, as partial and as whole ARNs, with and without a qualifier."""

from typing import NamedTuple

from clary.names import make_arn, parse_arn
from clary.services.lambda_.errors import (
    AccessDeniedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)

LATEST = "$LATEST"


class Name(NamedTuple):
    """A function, and the version or alias of it that is meant; "" where none was named."""

    account: str
    region: str
    function: str
    qualifier: str

    @property
    def arn(self) -> str:
        """The function's ARN, without a qualifier."""
        return make_arn("lambda", self.region, self.account, f"function:{self.function}")

    @property
    def qualified_arn(self) -> str:
        """The ARN as far as it was named."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def parse_name(account: str, region: str, text: str, qualifier: str = "") -> Name:
    """What a FunctionName, and a Qualifier beside it, name."""
    arn = parse_arn(text)
    if arn:
        owner, home, rest = arn.account, arn.region, arn.resource
    elif text[:13].endswith(":") and text[:12].isdigit():
        owner, home, rest = text[:12], region, text[13:]
    else:
        owner, home, rest = account, region, text
    function, _, derived = rest.removeprefix("function:").partition(":")
    if home != region:
        raise ResourceNotFoundException(f"Functions from '{home}' are not reachable in this region ('{region}')")
    if owner != account:
        raise AccessDeniedException(f"{text} belongs to the account {owner}, not to {account}.")
    if derived and qualifier and derived != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Name(account, region, function, qualifier or derived)
