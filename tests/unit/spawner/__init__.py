"""The start page, admission and what a grant means to a spawner."""
