"""What is found by: the lexical index (SQLite FTS5, ranked by BM25) and the vector index (FAISS). Both are projections
that follow the log of changes of the truth, and may be deleted at any time."""
