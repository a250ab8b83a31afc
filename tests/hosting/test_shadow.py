"""Shadow variants: what they are asked, and that nobody notices."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import pytest

from clary.hosting import Answer, Hosting, Invocation, VariantNotFoundError
from clary.hosting import shadow as shadow_module
from tests.hosting.conftest import ID, House, endpoint, until, variant

Ask = Callable[..., Answer]
Loop = asyncio.AbstractEventLoop


def serve(hosting: Hosting, house: House, weight: float = 1.0, production_weight: float = 1.0) -> None:
    """A production variant and its shadow."""
    shadow = variant("shadow", weight=weight, shadow=True, config="both")
    hosting.create(endpoint(variant("production", weight=production_weight, config="both"), shadow))
    assert house.wait_for_states(1)[0]["EndpointStatus"] == "InService"


def asked(house: House, name: str) -> int:
    lines = [line for stream, lines in list(house.lines.items()) if f" {name}/" in stream for line in list(lines)]
    return sum(line.startswith("asked") for line in lines)


def test_a_shadow_gets_a_copy_of_each_request(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    assert {ask("1").variant for _ in range(20)} == {"production"}
    until(lambda: asked(house, "shadow") == 20)
    until(lambda: asked(house, "production") == 20)
    with pytest.raises(VariantNotFoundError):
        ask("1", target_variant="shadow")
    assert ask("1", target_variant="production").variant == "production"


def test_it_gets_the_ratio_of_the_weights(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house, weight=0.5, production_weight=2.0)
    for _ in range(200):
        ask("1")
    hosting.set_weights(ID, {"shadow": 0.0})
    until(lambda: asked(house, "production") == 200)
    time.sleep(0.2)  # the last copies
    copies = asked(house, "shadow")
    assert 20 < copies < 80  # 50 +- 5 standard deviations
    for _ in range(20):
        ask("1")
    until(lambda: asked(house, "production") == 220)
    assert asked(house, "shadow") == copies


def test_a_slow_or_broken_shadow_is_not_noticed(
    hosting: Hosting, ask: Ask, loop: Loop, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_module, "MOST", 2)
    serve(hosting, house)
    [production, shadow] = hosting._endpoints[ID]._traffic.fleets[0].variants.values()
    whole = hosting._endpoints[ID]._passage

    def passage(variant: object, instance: object, request: Invocation) -> object:
        body = request.body if variant is production else b"sleep 30"
        return whole(variant, instance, request._replace(body=body))  # type: ignore[arg-type]

    monkeypatch.setattr(hosting._endpoints[ID], "_passage", passage)
    started = time.monotonic()
    for _ in range(10):
        ask("1")
    assert time.monotonic() - started < 5
    assert shadow.instances[0].in_flight == 2  # the others were dropped
    monkeypatch.undo()


def test_a_crash_of_the_shadow_is_not_noticed(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    with pytest.raises(Exception, match="not with me"):
        ask("refuse 400")
    hosting._endpoints[ID]._traffic.fleets[0].variants["shadow"].instances[0].workers[0].stop()
    assert ask("1").body == b"(1)"


def test_its_metrics_are_its_own(hosting: Hosting, ask: Ask, house: House) -> None:
    serve(hosting, house)
    for _ in range(5):
        ask("1")
    until(lambda: asked(house, "shadow") == 5)
    time.sleep(0.1)
    hosting.close()
    sums: Counter[tuple[str, ...]] = Counter()
    for datum in house.metrics:
        if datum.name == "Invocations":
            sums[tuple(datum.dimensions.values())] += datum.summary.sum
    assert sums == {
        ("tiny", "production"): 5,
        ("tiny", "production", "both"): 5,
        ("tiny", "shadow"): 5,
        ("tiny", "shadow", "both"): 5,
    }
