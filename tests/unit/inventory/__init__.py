"""Tests of the inventory: facts, sums and views from plain values; watches against a fake on a Unix socket."""
