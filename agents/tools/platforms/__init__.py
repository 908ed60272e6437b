"""Toolsets that ship, one file a platform; a connection of its kind switches it on."""
