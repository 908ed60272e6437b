"""Sessions as jails of kernel namespaces, made by bubblewrap, for Linux without an engine."""
