"""Hooks for PyInstaller, which finds this package by an entry point."""

from pathlib import Path

__all__ = ["hook_directories"]


def hook_directories() -> list[str]:
    """Return the directories that hold hooks for PyInstaller."""
    return [str(Path(__file__).parent)]
