"""Code that runs in the sandbox, as people see it: sessions, cells, what comes out of them."""
