"""Decisions that runs wait for: asked for, made once, bound to exactly what was asked, and expiring."""
