"""The way out of a session that was given one: a filtering proxy of ours, at the other end of the agent's stream."""
