"""What the tests of rendering share: a store for artifacts that are only looked at."""

import pytest

from artifact_store import ArtifactStore


@pytest.fixture(scope="module")
def memory():
    """A store for artifacts that are only looked at."""
    with ArtifactStore("sqlite:///:memory:") as opened:
        yield opened
