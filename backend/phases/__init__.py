"""The phases that users write: kept as the YAML they wrote, every save a version."""
