"""OpenAPI 3.0, 3.1 and Swagger 2 documents made into tools: reads are on, the rest waits for an operator."""
