"""Citations: the statements of an answer, what each cites, and whether that supports it."""
