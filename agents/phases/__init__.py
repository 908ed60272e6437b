"""Ways of doing a run: what it is asked, what it is given, and the catalogue of phases."""
