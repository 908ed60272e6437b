"""The knowledge floor: documents in, passages and quoted answers out, with or without a language model.

The modules here are its vocabulary: values, ports, errors, events, identifiers and settings; `evaluation` measures the
whole. Each package is a room that owns one thing, and imports only rooms that stand below it:

    ingestion                           keeps truth and indexes up with the sources
    indexes, retrieval, answering       find, rank, quote
    storage, embedding, sources         the truth; vectors of text; files from where they are
    parsing                             files into documents, and in a child process into chunks
    splitting                           documents into chunks
    text                                words, stems, synonyms, markup
"""
