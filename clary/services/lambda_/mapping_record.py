"""The records of event source mappings."""

from __future__ import annotations

from clary.store.records import Key

MAPPING_KIND, PLACE_KIND = "lambda-mapping", "lambda-mapping-place"


def mapping_key(account: str, region: str, identity: str) -> Key:
    """Where the record of a mapping lies."""
    return Key(MAPPING_KIND, account, region, identity)
