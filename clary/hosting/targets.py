"""Which containers of a variant a request goes through, by what it names: a model, a container, or nothing."""

from clary.hosting.invocation import Invocation, TargetRefused
from clary.hosting.spec import VariantSpec


def containers_for(endpoint: str, variant: VariantSpec, request: Invocation) -> list[int]:
    """The places of the containers, in their order; TargetRefused."""
    places = list(range(len(variant.containers)))
    if variant.direct:
        if not request.target_container:
            raise TargetRefused(f"Endpoint {endpoint} is invoked directly and requires a TargetContainerHostname.")
        places = [place for place in places if variant.containers[place].hostname == request.target_container]
        if not places:
            raise TargetRefused(f"Endpoint {endpoint} has no container with the hostname {request.target_container}.")
    elif request.target_container:
        raise TargetRefused(
            f"Endpoint {endpoint} is not configured for direct invocation and does not support TargetContainerHostname."
        )
    multi_model = any(variant.containers[place].multi_model for place in places)
    if multi_model and not request.target_model:
        raise TargetRefused(f"Endpoint {endpoint} is a multi-model endpoint and requires a target model header.")
    if request.target_model and not multi_model:
        raise TargetRefused(
            f"Endpoint {endpoint} is not a multi-model endpoint and does not support target model header."
        )
    return places


def directly_invoked(variant: VariantSpec, request: Invocation) -> str:
    """The hostname of the one container that a request goes to; empty where it goes through all."""
    hostnames = {container.hostname for container in variant.containers} if variant.direct else ()
    return request.target_container if request.target_container in hostnames else ""
