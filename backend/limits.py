"""Limits that every way into the product shares."""

LONGEST_QUESTION = 100_000
"""Characters of a question, and of what is searched for."""

LONGEST_INSTRUCTIONS = 20_000
"""Characters of what a calling program asks for about the way of answering."""
