"""What the backend keeps of its own: users, conversations, runs, models and remembered answers."""
