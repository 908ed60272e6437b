"""Text as such: which language it is in, the terms it becomes (words cut, stemmed, stop words dropped), the synonyms
and translations of the trade, its markup read around, and what no database can hold replaced. Knows nothing of
documents or indexes."""
