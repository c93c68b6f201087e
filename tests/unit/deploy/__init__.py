"""What we ship for running it."""
