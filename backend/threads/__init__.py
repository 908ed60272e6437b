"""Conversations: threads, their messages and their export."""
