"""Delivery: records gathered in a log go, batch by batch, through their stages into objects; knows no AWS service."""

from clary.delivery.host import Host
from clary.delivery.plan import Plan
from clary.delivery.room import Deliveries

__all__ = ["Deliveries", "Host", "Plan"]
