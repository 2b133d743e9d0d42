"""A page of a table that PostgreSQL cannot read."""

import pytest

from artifact_store import ArtifactStore, StoreDamaged
from tests.helpers.servers import Server


def test_a_page_of_garbage_is_damage() -> None:
    """The other pages can still be read."""
    with Server() as server:
        with ArtifactStore(server.url) as store:
            created = store.create_artifacts(
                {"key": f"k{n}", "data": "x" * 1500} for n in range(40)
            )
        with server.connect() as connection:
            (name,) = connection.execute("SELECT pg_relation_filepath('artifact')").fetchone() or (
                "",
            )
        server.stop("fast")
        with (server.data / name).open("r+b") as table:
            table.write(
                b"\xff" * 100
            )  # the first page's header, of whose rows only the first are in it
        server.start()
        with ArtifactStore(server.url) as store:
            expected = r"the database is damaged \(invalid page in block 0 of relation .*\): restore a copy\.$"
            with pytest.raises(StoreDamaged, match=expected):
                store.read_artifacts()
            with pytest.raises(StoreDamaged, match=expected):
                store.read_artifact(created[0].id)
            assert store.read_artifact(created[-1].id) == created[-1]
            assert {breach.kind for breach in store.verify()} == {"damaged"}
