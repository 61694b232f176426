"""`make networks`: what the benchmark makes of networks of every kind, as they are (docs/networks.md)."""
