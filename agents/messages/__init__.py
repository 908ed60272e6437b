"""What is said to and by a language model."""
