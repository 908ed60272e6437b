"""Running untrusted code, its files and its limits. Its first room is built when the sandbox is asked for."""
