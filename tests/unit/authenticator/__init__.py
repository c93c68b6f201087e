"""Tests of the authenticator; the hub is played by plain objects."""
