"""What code in the sandbox finds: one recipe on a public base, one of Debian packages where no registry is reachable."""
