"""What several tests of runs use: a store with one flow, deployment, run and so on."""

import pytest

from artifact_store import ArtifactStore
from tests.helpers.family import Family


@pytest.fixture
def family(store: ArtifactStore) -> Family:
    """A store with one of each kind."""
    return Family(store)
