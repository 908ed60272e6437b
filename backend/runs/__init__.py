"""Runs: started, stored event by event, followed, cancelled, and taken up again after a crash."""
