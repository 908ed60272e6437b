"""The system calls that code in the sandbox may make: one policy, for Docker as JSON and for the jail as a program."""
