"""Artifacts that were validated and can be inserted.

Keywords, an `ArtifactCreate` and a mapping all become a `Prepared`, which returns the row to insert
and afterwards the artifact.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import PydanticSerializationError, from_json

from ..context import Origin
from ..db.columns import ARTIFACT_JSON
from ..db.rows import NO_TEXTS, construct, stored_alike
from ..errors import ArtifactConflict, InvalidArtifact
from ..jsonable.normalize import dump_json
from ..schemas.artifacts import Artifact, ArtifactCreate, is_key, prepare_fields
from . import queries

__all__ = ["Prepared", "prepare", "prepare_one"]

_RUN_IDS = ("flow_run_id", "task_run_id")
_NO_FIELDS = dict.fromkeys(ArtifactCreate.model_fields)


class Prepared(NamedTuple):
    """An artifact that was validated and can be inserted.

    It has plain fields, because creating an `ArtifactCreate` from keywords takes as long as a
    statement.

    Attributes:
        fields: all fields of an `ArtifactCreate`.
        set_fields: the names of those that the caller has set.
        texts: the JSON texts that are known already, by field. `None` when the caller holds the
            same data, as that of an `ArtifactCreate`, and may have changed it since.
    """

    fields: Mapping[str, Any]
    set_fields: Collection[str]
    texts: Mapping[str, str] | None

    def row(
        self,
        artifact_id: UUID,
        created: datetime | str,
        native: bool,
        version: int | None = None,
    ) -> queries.Row:
        """Return the row to insert, in the order of `queries.ROWS.names`.

        Args:
            artifact_id: its id.
            created: its time, as the engine takes it.
            native: whether the driver takes UUIDs; otherwise they are bound as text.
            version: its version, if it is known already.

        Raises:
            InvalidArtifact: a value cannot be stored.
        """
        fields = self.fields
        key = fields["key"]
        flow_run_id = fields["flow_run_id"]
        task_run_id = fields["task_run_id"]
        texts = self.texts
        if texts is None:
            texts = NO_TEXTS
            # `model_copy` validates nothing.
            if key is not None and not is_key(key):
                raise InvalidArtifact(
                    f"Invalid key {key!r:.300}: make a new ArtifactCreate instead of a changed copy."
                )

        row = {
            "id": artifact_id if native else str(artifact_id),
            "key": key,
            "version": version,
            "type": fields["type"],
            "description": fields["description"],
            "data": None,
            "metadata": None,
            "flow_run_id": flow_run_id if native else flow_run_id and str(flow_run_id),
            "task_run_id": task_run_id if native else task_run_id and str(task_run_id),
            "created": created,
            "updated": created,
            "profile": None,
        }
        try:
            for name in ARTIFACT_JSON:
                value = fields[name]
                if value is not None:
                    row[name] = texts.get(name) or dump_json(value)
        except PydanticSerializationError:  # it was changed after it was validated
            validated = prepare(ArtifactCreate(**fields), {})
            return validated.row(artifact_id, created, native, version)
        return row

    def artifact(self, artifact_id: UUID, created: datetime, row: queries.Row) -> Artifact:
        """Return the artifact of a row that was inserted; the row becomes its fields."""
        fields = self.fields
        row["id"] = artifact_id
        row["flow_run_id"] = fields["flow_run_id"]
        row["task_run_id"] = fields["task_run_id"]
        row["created"] = created
        row["updated"] = created

        is_shared = self.texts is None
        for name in ARTIFACT_JSON:
            text = row[name]
            if text is not None:
                # Data that the caller still holds is parsed anew, so that changing it does not
                # change the artifact.
                row[name] = from_json(text) if is_shared else fields[name]
        return construct(Artifact, row)

    def data(self, text: str | None) -> object:
        """Return the data of an artifact that holds its text."""
        if text is None or self.texts is not None:
            return self.fields["data"]
        return from_json(text)

    def check_same(self, other: Mapping[str, object], artifact_id: UUID) -> None:
        """Check that an artifact with the same id has the same content, so that this is a repeat.

        Run ids that the caller has not set are not compared, so that a job that runs twice
        publishes once.

        Raises:
            ArtifactConflict: a field is different.
        """
        for name in _NO_FIELDS:
            if name == "id" or (name in _RUN_IDS and name not in self.set_fields):
                continue
            if not stored_alike(name, self.fields[name], other[name]):
                raise ArtifactConflict(
                    f"The id {artifact_id} is taken by an artifact with different content ({name}): "
                    "leave out the id or update that artifact."
                )


# --- Prepare ---


def prepare(
    artifact: ArtifactCreate | None,
    fields: Mapping[str, object],
    origin: Origin | None = None,
) -> Prepared:
    """Return the artifact that a value or its fields describe, ready to be inserted.

    Args:
        artifact: the value, or `None`.
        fields: the fields, if there is no value.
        origin: the current runs, whose ids are filled in where the caller has not set them.

    Raises:
        InvalidArtifact: a value cannot be stored, or there are both a value and fields.
    """
    if artifact is None:
        valid, texts = prepare_fields(ArtifactCreate, fields)
        prepared = Prepared({**_NO_FIELDS, **valid}, fields, texts)
    else:
        if fields:
            raise InvalidArtifact(
                f"Give an ArtifactCreate or keywords, not both: {', '.join(fields)}."
            )
        if not isinstance(artifact, ArtifactCreate):
            raise InvalidArtifact(
                f"Expected an ArtifactCreate, got {type(artifact).__name__}: pass one, or its fields as keywords."
            )
        prepared = Prepared(artifact.__dict__, artifact.model_fields_set, None)

    return prepared if origin is None else fill_in_run_ids(prepared, origin)


def prepare_one(item: object, origin: Origin | None) -> Prepared:
    """Return the artifact that a value or a mapping of its fields describes.

    Raises:
        InvalidArtifact: it is neither, or a value cannot be stored.
    """
    if isinstance(item, ArtifactCreate):
        return prepare(item, {}, origin)
    if isinstance(item, Mapping):
        return prepare(None, {**item}, origin)
    raise InvalidArtifact(
        f"Expected an ArtifactCreate, got {type(item).__name__}: pass one, or a mapping of its fields."
    )


def fill_in_run_ids(prepared: Prepared, origin: Origin) -> Prepared:
    """Set the run ids that the caller has not set to those of the current runs."""
    missing = [name for name in _RUN_IDS if name not in prepared.set_fields]
    if not missing:
        return prepared
    # A task run is filled in only beside its own flow run.
    if missing == ["task_run_id"] and prepared.fields["flow_run_id"] != origin.flow_run_id:
        return prepared
    run_ids = {name: getattr(origin, name) for name in missing}
    return prepared._replace(fields={**prepared.fields, **run_ids})
