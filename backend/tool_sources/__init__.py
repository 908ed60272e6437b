"""Where an operator's tools come from: toolsets, documents and servers, stored and made into tools."""
