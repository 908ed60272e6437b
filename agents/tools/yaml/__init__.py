"""Toolsets written in YAML: HTTP requests made from templates, whose parameters are inferred from them."""
