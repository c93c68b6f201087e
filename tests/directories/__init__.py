"""Real directories for tests: slapd and Samba AD, filled with a generated campus."""
