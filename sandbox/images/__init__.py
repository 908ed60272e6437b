"""What code in the sandbox finds: a recipe on a public base, and one of Debian packages alone."""
