"""What we measure. Each module is a command that prints figures, beside what they are compared with, in one run."""
