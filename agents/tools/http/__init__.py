"""The one HTTP client of all tools: it reaches what an operator named, and nothing that an answer leads it to."""
