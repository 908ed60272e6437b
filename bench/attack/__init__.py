"""A hostile session against the running product: what it answers, how long it falters, what it reads and whom it calls.

Everything that an attacker controls is sent at once with what a neighbour needs: questions, answers of a model, bodies,
paths, origins, half-open connections and files of every format, while a small request is timed all along.
"""
