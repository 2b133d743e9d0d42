"""What the tests of commands share: an empty store, because a command that reads does not create one."""

import pytest

from tests.helpers.templates import Templates


@pytest.fixture
def url(url: str, templates: Templates) -> str:
    """The address of an empty store."""
    templates.create_store(url)
    return url


@pytest.fixture
def store_url(url: str) -> str:
    """The address of the same store."""
    return url
