"""Who may use the interface: pages of our own origin, and people who gave the token."""
