"""Sources as they are read: rendered, as pages, as text, and as the preview of a citation."""
