"""ARNs, accounts and regions."""

from typing import NamedTuple

DEFAULT_ROLE = "ClaryExecutionRole"


class Arn(NamedTuple):
    """The parts of an Amazon Resource Name."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def partition_of(region: str) -> str:
    """The partition a region belongs to: aws, aws-cn, aws-us-gov."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def make_arn(service: str, region: str, account: str, resource: str) -> str:
    """An ARN as AWS writes it, e.g. `arn:aws:sagemaker:us-east-1:000000000000:training-job/x`."""
    return f"arn:{partition_of(region)}:{service}:{region}:{account}:{resource}"


def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN, or None where the text is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    return Arn(*parts[1:])


def role_arn(account: str, name: str) -> str:
    """The ARN of an IAM role."""
    return make_arn("iam", "", account, f"role/{name}")
