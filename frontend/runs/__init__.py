"""What runs do, drawn: their timeline, what tools gave, what waits for a person's decision."""
