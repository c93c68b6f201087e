"""The campus file: what is read, what it becomes, and every mistake in whole sentences."""
