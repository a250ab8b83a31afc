"""Clary runs the AWS machine-learning stack on your own machine, behind AWS's own API."""

__version__ = "0.1.0"
