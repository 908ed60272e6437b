"""Knowledge bases as one file: written from a database and its files, checked, and made into a base elsewhere."""

from knowledge.portable.exporting import export_base, is_export
from knowledge.portable.importing import Import, open_import

__all__ = ["Import", "export_base", "is_export", "open_import"]
