"""The shape of the campus file, key by key. The JSON Schema and the reference page come from here."""
