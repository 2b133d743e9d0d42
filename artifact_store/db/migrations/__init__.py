"""The scripts that make and upgrade the tables, each a module with `up(migrator, db)`.

They are listed by name: in a program that PyInstaller or zipapp has packed there is no directory to look in.
"""

__all__ = ["NAMES"]

NAMES = (
    "0001_initial",
    "0002_profile",
    "0003_run_details",
    "0004_empty_keys",
    "0005_aliases",
    "0006_inputs",
)
"""The names of the scripts, oldest first; the database remembers by them what was applied."""
