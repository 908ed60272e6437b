"""What the product reaches with users' credentials, and those credentials."""
