"""Sessions as people have them: whose they are, how long they live, and some held ready."""
