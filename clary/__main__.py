"""`python -m clary` is the command line."""

from clary.cli import main

main()
