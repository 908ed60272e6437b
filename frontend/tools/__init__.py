"""The parts of the page Tools: connections, sources, the tools themselves and the record of their calls."""
