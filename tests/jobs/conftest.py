import pytest
from job_house import House

from clary.sandbox import WarmParent


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    warm = WarmParent(["clary.jobs.supervisor"], tmp_path_factory.mktemp("warm"))
    warm.start()
    yield warm
    warm.close()


@pytest.fixture
def house(tmp_path, warm):
    house = House(tmp_path, warm, job_cores=4, job_memory_gib=8.0)
    house.buckets.put("out", ".keep")
    yield house
    house.close()
