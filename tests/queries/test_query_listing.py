"""The objects of many folders are those that each folder's own listing has."""

from typing import NamedTuple

import pytest

from clary.queries.listing import list_folders


class Item(NamedTuple):
    key: str
    size: int


class Bucket:
    def __init__(self, keys):
        self.keys = sorted(keys)
        self.asked = []

    def list(self, bucket, prefix):
        self.asked.append(prefix)
        return (Item(key, len(key)) for key in self.keys if key.startswith(prefix))

    def check(self, folders):
        expected = [[(key, len(key)) for key in self.keys if key.startswith(prefix)] for prefix in folders]
        assert list_folders(self.list, [("b", prefix) for prefix in folders]) == expected


PARTS = [f"t/p={number}/" for number in range(100)]
FILES = [f"{part}{file}" for part in PARTS for file in ("a", "b/c")]


def test_folders_side_by_side_are_listed_at_once():
    bucket = Bucket([*FILES, "t/", "t/p=1", "t/x", "a", "z"])
    bucket.check([*reversed(PARTS), "t/p=999/"])
    assert bucket.asked == ["t/p="]


@pytest.mark.parametrize(
    "folders",
    [
        PARTS[:5],
        [*PARTS, "t/p=7/b/"],
        [*PARTS, PARTS[3]],
        [*PARTS, "t/"],
        [""] * 30,
        [f"{letter}/" for letter in "abcdefghijklmnopqrstuvwxyz"],
    ],
)
def test_other_folders_are_listed_one_by_one_or_rightly_at_once(folders):
    Bucket([*FILES, "a/1", "b/2", "m"]).check(folders)


def test_many_objects_between_the_folders_are_not_read():
    bucket = Bucket([*FILES, *(f"t/p=5x/{number}" for number in range(5000))])
    bucket.check(PARTS[:50])
    assert bucket.asked[1:] == PARTS[:50]
