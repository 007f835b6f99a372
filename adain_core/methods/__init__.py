"""The methods that AdaIN builds on or is compared with, on the library's networks and losses."""
