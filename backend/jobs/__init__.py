"""Work that takes time: what users see of a job (tables, events, port) and the engine that runs it."""
