"""Tools as the house keeps them: what operators decided, calls that wait, the record of all calls, and the wiring."""
