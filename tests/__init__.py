"""The tests; CONTRIBUTING.md says what lives where."""
