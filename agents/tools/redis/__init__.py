"""Redis: a few named operations, each bounded; no command of a caller's is ever sent."""
