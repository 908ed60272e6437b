"""Slash commands: what is typed, as a call that is made like any other, without a language model."""
