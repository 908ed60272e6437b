"""Platforms that do not speak HTTP: reached under the same rules, by whatever library speaks their protocol."""
