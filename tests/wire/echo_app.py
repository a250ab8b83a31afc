"""The application of the echoing operations, without the other rooms."""

from dataclasses import fields

import echo

from clary.access import Access
from clary.clock import Clock
from clary.config import Settings
from clary.wire import Registry, Rooms
from clary.wire.app import WireApp


class NoRecords:
    """No access keys but the root key."""

    def get(self, key):
        return None


def make_app(**settings):
    settings = Settings(**settings)
    clock = Clock()
    rooms = Rooms(settings, clock, *[None] * (len(fields(Rooms)) - 3))
    rooms.access = Access(settings, NoRecords(), clock)
    return WireApp(rooms, Registry([echo], ["logs"]))
