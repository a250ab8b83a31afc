"""More instances, or fewer, of variants that go on serving."""

from clary.hosting.fleet import DeploymentError
from clary.hosting.spec import EndpointSpec
from clary.hosting.traffic import Traffic


async def resize(traffic: Traffic, spec: EndpointSpec) -> None:
    """Give each variant its number of instances and its weight; DeploymentError when all is as it was.

    New instances get requests once they answer; those that are too many end when they have answered theirs.
    """
    if len(traffic.fleets) != 1:
        raise DeploymentError("The endpoint serves no single configuration; update it first.")
    [fleet] = traffic.fleets
    before, counts = fleet.counts, {variant.name: variant.instance_count for variant in spec.variants}
    try:
        await fleet.grow(counts)
    except DeploymentError:
        with traffic.lock:
            gone = fleet.take_out(before)
        await fleet.end(gone)
        raise
    with traffic.lock:
        fleet.set_weights({variant.name: variant.weight for variant in spec.variants})
        for variant in spec.variants:
            fleet.variants[variant.name].spec = variant
        gone = fleet.take_out(counts)
    await fleet.end(gone)
