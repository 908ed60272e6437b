"""The HTTP surface: REST under /api/v1, OpenAI under /v1."""
