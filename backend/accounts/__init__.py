"""Who may speak to the API, and how what they entrust to it is kept."""
