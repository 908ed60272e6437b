"""Databases: statements that are proved to read, run where nothing can be written, and bounded in every way."""
