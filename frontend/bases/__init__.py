"""The parts of the page for knowledge bases."""
