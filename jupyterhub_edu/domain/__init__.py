"""Floor 0: what is allowed, and why not. Pure values and functions; no clock, no I/O, no third party."""
