"""Our own MCP server: knowledge, phases and tools for programs that speak the Model Context Protocol."""
