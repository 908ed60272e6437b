"""Parsed documents into chunks. Each kind of markup is read as blocks, the smallest pieces kept whole; the splitter
fills chunks with them along the headings."""
