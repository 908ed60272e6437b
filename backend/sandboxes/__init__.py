"""The sandbox of this installation: which engine it uses, whose sessions there are, and code that agents run in it."""
