"""Running untrusted code, its files and its limits."""
