"""The one renderer family: artifacts become blocks, and blocks become HTML or lines of a terminal."""
