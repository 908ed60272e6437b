"""Tools of MCP servers of others: what they say of themselves is believed only as far as somebody has looked at it."""
