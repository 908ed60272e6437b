"""What performs phases of agents: turns, plans, tools, limits, and a journal that survives crashes."""
