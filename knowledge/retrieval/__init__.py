"""From a question to ranked hits and passages: follow-ups made to stand alone, candidates of every index fused into one
ranking, and a budget of words filled. Sees indexes and the truth through ports only."""
