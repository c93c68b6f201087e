"""Stand-ins for the outer world, and builders of campuses: every argument has a default, so a test shows only what matters."""
