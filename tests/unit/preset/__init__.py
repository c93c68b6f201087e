"""Tests of the one line."""
