"""Limits that every way into the product shares."""

LONGEST_QUESTION = 100_000
"""Characters of a question, and of what is searched for."""
