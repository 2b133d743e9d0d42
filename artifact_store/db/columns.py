"""The columns that hold JSON as text: serialized before they are bound, parsed when read.

A column that is missing here would be bound as a Python dict, which drivers refuse. A test compares
this list with the tables.
"""

__all__ = ["ARTIFACT_JSON", "JSON_COLUMNS"]

ARTIFACT_JSON = ("data", "metadata", "profile")
"""Those of artifacts."""

JSON_COLUMNS = frozenset({*ARTIFACT_JSON, "created_by", "parameters", "tags"})
"""Those of all tables."""
