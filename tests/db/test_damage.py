"""Rows that cannot be parsed, on both engines: the error names the row, and `verify` finds it."""

import json

import pytest
from click.testing import CliRunner

from artifact_store import ArtifactStore, StoreDamaged
from artifact_store_cli import main


@pytest.mark.parametrize("field", ["data", "profile"])
def test_the_artifact_is_named(url: str, field: str) -> None:
    with ArtifactStore(url) as store:
        made = store.create_artifacts({"key": "sales", "data": n} for n in range(300))
        store._engine.execute(f"UPDATE artifact SET {field} = '{{' WHERE id = '{made[250].id}'")
        said = f"artifact sales@251 is damaged: its {field} cannot be read .*Invalid JSON.*: restore the database"
        for read in (
            lambda: store.read_artifact(made[250].id),
            store.read_artifacts,
            lambda: [*store.iter_artifacts()],
        ):
            with pytest.raises(StoreDamaged, match=said):
                read()
        assert store.read_artifact(made[249].id) == made[249]
        (breach,) = store.verify()
        assert (breach.kind, breach.key) == ("unreadable", "sales@251")
        assert breach.message.startswith(
            f"The artifact sales@251 is damaged: its {field} cannot be read"
        )
        assert store.verify(quick=True) == []
        assert store.repair() == []
        assert store.update_artifact(made[250].id, **{field: None})
        assert store.verify() == []


def test_what_reads_numbers_names_the_key(url: str) -> None:
    with ArtifactStore(url) as store:
        made = store.create_artifacts(
            {"key": "loss", "data": n, "metadata": {"loss": n}} for n in range(3)
        )
        store._engine.execute(f"UPDATE artifact SET metadata = 'nan' WHERE id = '{made[1].id}'")
        with pytest.raises(StoreDamaged, match=r"^A version of loss cannot be read \("):
            store.read_series("loss", "loss")
        with pytest.raises(StoreDamaged, match=r"^A version of the keys cannot be read \("):
            store.read_trends(["loss"])
        assert [breach.key for breach in store.verify()] == ["loss@2"]


def test_the_command_line_finds_and_leaves_it(url: str) -> None:
    with ArtifactStore(url) as store:
        made = store.create_artifact(key="sales", data=1)
        store._engine.execute(f"UPDATE artifact SET data = 'x' WHERE id = '{made.id}'")
    result = CliRunner().invoke(main, ["--url", url, "verify", "--json"])
    assert result.exit_code == 1
    assert [breach["kind"] for breach in json.loads(result.stdout)] == ["unreadable"]
    result = CliRunner().invoke(main, ["--url", url, "verify"])
    assert (
        "Restore the database from a copy: 'artifact-store repair' cannot repair" in result.stderr
    )
    assert CliRunner().invoke(main, ["--url", url, "verify", "--quick"]).exit_code == 0
    shown = CliRunner().invoke(main, ["--url", url, "show", "sales"])
    assert shown.exit_code == 1
    assert "The artifact sales@1 is damaged: its data cannot be read" in shown.stderr
