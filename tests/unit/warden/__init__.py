"""Tests of floor 4, what happens by itself."""
