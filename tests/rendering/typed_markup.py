"""What mypy must refuse: it fails on a comment that is needed no more (`warn_unused_ignores` of `strict`)."""

from artifact_store.rendering.markup import Html, element, join
from artifact_store.report.page import Page


def insert(page: Page, stored: str) -> Html:
    """Text is a child of an element, and never HTML by itself."""
    page.add_row(stored)  # type: ignore[arg-type]
    page.add_row(f"<b>{stored}</b>")  # type: ignore[arg-type]
    page.add_row(element("b", stored) + stored)  # type: ignore[arg-type]
    join([stored])  # type: ignore[list-item]
    page.add_row(element("b", stored))
    return stored  # type: ignore[return-value]
