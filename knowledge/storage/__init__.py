"""The truth: tables on SQLite or PostgreSQL, and raw files beside them. Owns knowledge bases and their sources,
documents, chunks, vectors, links between pages, and the log of changes that indexes follow. Replacing a document is one
transaction of this room."""
