"""Artifacts as they go into a store and come out of it: frozen pydantic models.

Every create passes `prepare_fields`. Common values are accepted without pydantic's validator, so `are_valid` must
accept nothing that the model would refuse or change.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, SupportsIndex, TypedDict, overload
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .. import jsonable
from ..db.columns import JSON_COLUMNS
from ..errors import InvalidArtifact, InvalidQuery
from ..pydantic_internals import fill, validate_into
from ..tables.methods import ListFrames, TableFrames
from ..wording import name_of_artifact, shown, with_article
from .keys import KEY, is_key
from .validation import Validated

__all__ = [
    "FROZEN",
    "Artifact",
    "ArtifactChanges",
    "ArtifactCreate",
    "ArtifactFields",
    "ArtifactList",
    "ArtifactUpdate",
    "Scalar",
    "Text",
    "as_uuid",
    "is_key",
    "plain_object",
    "prepare_fields",
]

_MOST_IN_MARKDOWN = 500  # artifacts of a list

Scalar = str | int | float | bool | None

# Pydantic's core checks a pattern without calling Python; `validation` explains what a pattern has refused.
Text = Annotated[str, Field(pattern=r"\A[^\x00]*\z")]
Key = Annotated[str, Field(pattern=rf"\A{KEY.pattern}\z")]


FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)
"""The configuration of all values; a base class would take longer to load."""


class Artifact(TableFrames, Validated, BaseModel):
    """One artifact, as it is stored.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the caller gave one.
        key: the key that all versions of it share; `None` for an artifact without versions.
        version: 1, 2, 3, … within the key; `None` without a key.
        type: `markdown`, `table`, `link`, `progress`, `image`, `result`, or any other text.
        description: text for people, usually Markdown.
        data: any JSON value.
        metadata: JSON scalars by name.
        flow_run_id: the flow run that made it.
        task_run_id: the task run that made it.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        profile: the summary of a table: `rows` and `columns`, each with `name`, `type`, `nulls`,
            `distinct`, `min` and `max`; `None` where none is stored.
    """

    model_config = FROZEN

    id: UUID
    key: str | None = None
    version: int | None = None
    type: str | None = None
    description: str | None = None
    data: Any = None
    metadata: dict[str, Scalar] | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    created: datetime
    updated: datetime
    profile: dict[str, Any] | None = None

    @property
    def ref(self) -> str:
        """The reference that reads it back: `key@version`, or its id when it has no key."""
        return name_of_artifact(self.id, self.key, self.version)

    def __repr__(self) -> str:
        """Name the key, the version and the type; the data may be long."""
        name = "without key" if self.key is None else self.ref
        return f"<Artifact {name} {self.type or 'untyped'} {self.id}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from ..rendering.notebook import artifact_html

        return artifact_html(self)

    def to_markdown(self) -> str:
        """Return it as GitHub-flavoured Markdown, as for a pull request or the summary of a CI job.

        What changed since the previous version, and the run, are there if an open store has the artifact.

        Returns:
            Markdown that fits into a comment on GitHub; a long payload is cut, with a note of what is left out.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> print(store.create_artifact(key="load", type="progress", data=40).to_markdown())  # doctest: +ELLIPSIS
            ### load@1
            <BLANKLINE>
            progress, updated ...
            <BLANKLINE>
            `████████░░░░░░░░░░░░` 40 %
            <BLANKLINE>
            `artifact-store show load@1`
            ...
        """
        from ..rendering import blocks_to_markdown
        from ..rendering.values import artifact_blocks

        return blocks_to_markdown(artifact_blocks(self))


class ArtifactList(ListFrames, list[Artifact]):
    """The artifacts of a listing, in its order.

    Attributes:
        cursor: what `after` takes to continue the listing; `None` when there are no more.
    """

    cursor: str | None = None

    @overload
    def __getitem__(self, index: SupportsIndex) -> Artifact: ...
    @overload
    def __getitem__(self, index: slice) -> "ArtifactList": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "Artifact | ArtifactList":
        """Return one of them, or a part as a list of the same kind."""
        item = super().__getitem__(index)
        return ArtifactList(item) if isinstance(item, list) else item

    def _repr_html_(self) -> str:
        """Show it in a notebook, as a table."""
        from ..rendering.notebook import list_html

        return list_html(self)

    def to_markdown(self) -> str:
        """Return it as a table in GitHub-flavoured Markdown, of the first 500 artifacts at most.

        Returns:
            Markdown that fits into a comment on GitHub.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> load = store.create_artifact(key="load", type="progress", data=40)
            >>> print(store.read_latest_artifacts().to_markdown())  # doctest: +ELLIPSIS
            1 artifact
            <BLANKLINE>
            | key | version | type | description | updated | run |
            | --- | ---: | --- | --- | --- | --- |
            | load | 1 | progress |  | ... UTC |  |
            <BLANKLINE>
        """
        from ..rendering import blocks_to_markdown
        from ..rendering.values import list_blocks

        return blocks_to_markdown(list_blocks(self, _MOST_IN_MARKDOWN, ages=False))


class _Input(Validated, BaseModel):
    """The base of what callers pass in; a value that cannot be stored raises one `InvalidArtifact`.

    Pydantic calls `__init__` wherever it makes a value of a class that has its own, in `model_validate` too.
    """

    model_config = FROZEN

    def __init__(self, **fields: object) -> None:
        """Validate the fields.

        Raises:
            InvalidArtifact: a field is unknown or its value cannot be stored; the message names it.
        """
        validate_fields(self, fields)


def prepare_fields(
    kind: type[_Input], fields: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Validate fields without making a value of them, unless they need the whole of pydantic's validation.

    Returns:
        The validated fields; and the JSON texts of those whose text is known already, by their names.

    Raises:
        InvalidArtifact: a field is unknown or its value cannot be stored; the message names it.
    """
    if are_valid(fields, _DEFAULTS[kind]):
        values = {**fields}
        return values, normalize_json(values)

    value = kind.__new__(kind)
    texts = validate_fields(value, fields)
    return {name: value.__dict__[name] for name in fields}, texts


def validate_fields(value: _Input, fields: Mapping[str, object]) -> dict[str, str]:
    """Validate fields into a new value, as `BaseModel.__init__` does; return the JSON texts that are known."""
    defaults = _DEFAULTS.get(type(value))
    if defaults is not None and are_valid(fields, defaults):
        values = {**defaults, **fields}
        texts = normalize_json(values)
        fill(value, values, fields)
        return texts

    validate_into(value, fields)
    return normalize_json(vars(value))


_ID_NAMES = frozenset({"id", "flow_run_id", "task_run_id"})


def are_valid(fields: Mapping[str, object], known: Mapping[str, object]) -> bool:
    """Tell whether pydantic would accept fields as they are; in doubt the answer is no.

    It takes a fraction of the time of pydantic, which validates whatever is not accepted here.
    """
    for name, value in fields.items():
        if name not in known:
            return False
        if value is None or name in JSON_COLUMNS:
            continue
        if name in _ID_NAMES:
            if type(value) is not UUID:
                return False
            continue
        if type(value) is not str or not value.isascii() or "\0" in value:
            return False
        if name == "key" and not is_key(value):
            return False
    return True


def normalize_json(values: dict[str, Any]) -> dict[str, str]:
    """Turn the values of JSON fields into plain JSON, in place; return the JSON texts that are known.

    This is not a validator of pydantic, whose core takes as long to call one function of ours as for all its own
    checks.
    """
    texts: dict[str, str] = {}
    data = values.get("data")
    if data is not None:
        is_table = values.get("type") == "table"
        plain, text = jsonable.normalize.normalize_with_text(data, table=is_table)
        values["data"] = plain
        if text is not None:
            texts["data"] = text.decode()

    metadata = values.get("metadata")
    if metadata is not None:
        values["metadata"] = jsonable.normalize.normalize_metadata(metadata)

    profile = values.get("profile")
    if profile is not None:
        values["profile"] = plain_object(profile, "profile", "the profile of a table")
    return texts


def plain_object(value: object, name: str, meaning: str) -> dict[str, object] | None:
    """Return a value as a plain JSON object.

    Args:
        value: a mapping, or another value that becomes an object in JSON.
        name: what errors call it.
        meaning: what errors ask for.

    Raises:
        InvalidArtifact: it cannot become JSON, or becomes anything but an object.
    """
    plain = jsonable.normalize.normalize_data(value, name)
    if plain is not None and not isinstance(plain, dict):
        kind = with_article(type(value).__name__)
        raise InvalidArtifact(f"{name} is {kind}: pass {meaning}, or None.")
    return plain


class ArtifactUpdate(_Input):
    """What to change in an artifact; fields that are not set stay as they are.

    New data without a profile leaves the artifact without one.

    Attributes:
        type: `markdown`, `table`, `link`, `progress`, `image`, `result`, or any other text.
        description: text for people, usually Markdown.
        data: any value that can become JSON: also dates, UUIDs, decimals, enums, dataclasses, pydantic models, sets,
            arrays and frames.
        metadata: a dict of names and JSON scalars, to filter by.
        profile: the summary of a table, as `table_payload` computes it.

    Raises:
        InvalidArtifact: a value cannot be stored; the message begins with the path to it.

    Examples:
        >>> ArtifactUpdate(description="checked").model_dump(exclude_unset=True)
        {'description': 'checked'}
    """

    type: Text | None = None
    description: Text | None = None
    data: Any = None
    metadata: Any = None
    profile: Any = None


class ArtifactCreate(_Input):
    """An artifact to be created. Every field is `None` by default.

    Attributes:
        type: `markdown`, `table`, `link`, `progress`, `image`, `result`, or any other text.
        description: text for people, usually Markdown.
        data: any value that can become JSON: also dates, UUIDs, decimals, enums, dataclasses, pydantic models, sets,
            arrays and frames.
        metadata: a dict of names and JSON scalars, to filter by.
        profile: the summary of a table, as `table_payload` computes it.
        id: a UUID of the caller's choice, which makes it safe to repeat the create; without one the store makes a
            UUIDv7.
        key: the key that all versions of it share: 1 to 255 ASCII letters, digits and `. _ / -`; `as_key` makes one of
            any text.
        flow_run_id: the flow run that made it; by default the one that is active.
        task_run_id: the task run that made it; by default the one that is active.

    Raises:
        InvalidArtifact: a value cannot be stored; the message begins with the path to it.

    Examples:
        >>> ArtifactCreate(key="sales", data={"rows": (1, 2)}).data
        {'rows': [1, 2]}
        >>> ArtifactCreate(data={"rows": [{"x": object()}]})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        artifact_store.errors.InvalidArtifact: data.rows[0].x ...
    """

    type: Text | None = None
    description: Text | None = None
    data: Any = None
    metadata: Any = None
    profile: Any = None
    id: UUID | None = None
    key: Key | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


# Without subclasses, which may validate more.
_DEFAULTS: Mapping[type[BaseModel], Mapping[str, object]] = {
    kind: dict.fromkeys(kind.model_fields) for kind in (ArtifactUpdate, ArtifactCreate)
}


class ArtifactChanges(TypedDict, total=False):
    """The fields of an `ArtifactUpdate`."""

    type: str | None
    description: str | None
    data: Any
    metadata: Mapping[str, Scalar] | None
    profile: Mapping[str, Any] | None


class ArtifactFields(ArtifactChanges, total=False):
    """The fields of an `ArtifactCreate`."""

    id: UUID | str | None
    key: str | None
    flow_run_id: UUID | str | None
    task_run_id: UUID | str | None


def as_uuid(value: object) -> UUID:
    """Return an id as a UUID.

    Args:
        value: a UUID, or its text.

    Raises:
        InvalidQuery: it is neither.
    """
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError):
        raise InvalidQuery(f"Invalid id {shown(value)}: expected a UUID.") from None
