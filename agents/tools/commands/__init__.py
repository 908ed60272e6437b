"""Programs of this machine that toolsets may run: those that the operator allowed, without a shell."""
