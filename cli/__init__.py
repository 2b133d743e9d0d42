"""The command line of artifact-store: it parses, calls one public method of the SDK, and renders."""

from .commands import main

__all__ = ["main"]
