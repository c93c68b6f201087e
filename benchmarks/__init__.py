"""Benchmarks: figures to talk about, never asserted. `make bench`, `make bench NAME=decision`."""
