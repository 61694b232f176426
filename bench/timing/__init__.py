"""Timings, as benchmarks of pytest: for `make time` and every night; here, so that an installed wheel can time."""
