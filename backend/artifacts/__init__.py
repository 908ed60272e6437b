"""Files of conversations: those a question brings along, and those a run makes."""
