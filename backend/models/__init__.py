"""Language models: those that users have stored, and which of them a run uses."""
