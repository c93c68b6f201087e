"""A real hub as a process of its own, on either version, and a browser-like client for it."""
