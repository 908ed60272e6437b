"""Knowledge bases as callers name them, and the files they send for them."""
