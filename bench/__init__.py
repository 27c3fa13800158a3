"""Measurements, each beside a yardstick that ran in the same minutes: `make bench`."""
