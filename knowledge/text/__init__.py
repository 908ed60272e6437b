"""Text as such: which language it is in, the terms it becomes (words cut, stemmed, stop words dropped), the synonyms
and translations of the trade, its sentences and which of them say what a thing is, its markup read around, what a path
says of a page's standing, and what no database can hold replaced. Knows nothing of documents or indexes."""
