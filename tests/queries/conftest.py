import pytest
from lake_house import Lake


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)
