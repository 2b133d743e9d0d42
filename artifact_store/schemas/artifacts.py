"""The values that go in and come out of a store, artifacts above all: frozen pydantic models."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, SupportsIndex, TypedDict, overload
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .. import db, jsonable
from ..errors import InvalidArtifact, InvalidQuery
from ..tables.methods import ListFrames, TableFrames
from ..wording import shown
from .keys import KEY, is_key
from .validation import Refusing

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
    "spelled",
]

Scalar = str | int | float | bool | None

# What is tried by a pattern, and explained by `validation` when it fails: pydantic's core does it without Python.
Text = Annotated[str, Field(pattern=r"\A[^\x00]*\z")]
Key = Annotated[str, Field(pattern=rf"\A{KEY.pattern}\z")]


FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)
"""What all values have in common; a base class for it would take longer to load."""


class Artifact(TableFrames, Refusing, BaseModel):
    """One artifact, as it is stored.

    Attributes:
        id: made by the store (UUIDv7, so ids sort by time) unless the creator gave one.
        key: what versions of the same thing share; `None` for an artifact of its own.
        version: 1, 2, 3, … within the key; `None` without a key.
        type: `markdown`, `table`, `link`, `progress`, `image`, `result`, or any other text.
        description: text for people, usually Markdown.
        data: any JSON value.
        metadata: JSON scalars by name.
        flow_run_id: the flow run that made it.
        task_run_id: the task run that made it.
        created: when it was created, in UTC.
        updated: when it was last updated, in UTC.
        profile: what the columns of a table hold: `rows` and `columns`, each with `name`, `type`, `nulls`,
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

    def __repr__(self) -> str:
        """Tell the key, the version and the type; the data may be long."""
        name = "without key" if self.key is None else f"{self.key}@{self.version}"
        return f"<Artifact {name} {self.type or 'untyped'} {self.id}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from ..rendering.notebook import artifact_html

        return artifact_html(self)


class ArtifactList(ListFrames, list[Artifact]):
    """Artifacts, in the order in which they were asked for.

    Attributes:
        cursor: what `after` takes to continue the listing; `None` when a limit was not reached, so that
            there is nothing more.
    """

    cursor: str | None = None

    @overload
    def __getitem__(self, index: SupportsIndex) -> Artifact: ...
    @overload
    def __getitem__(self, index: slice) -> "ArtifactList": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "Artifact | ArtifactList":
        """Return one of them, or a part as a list of the same kind."""
        found = super().__getitem__(index)
        return ArtifactList(found) if isinstance(found, list) else found

    def _repr_html_(self) -> str:
        """Show it in a notebook, as a table."""
        from ..rendering.notebook import list_html

        return list_html(self)


class _Given(Refusing, BaseModel):
    """What a caller hands over; a value that cannot be stored is one `InvalidArtifact`.

    Pydantic calls `__init__` wherever it makes a value of a class that has its own, in `model_validate` too.
    """

    model_config = FROZEN

    def __init__(self, **fields: Any) -> None:
        """Validate the fields.

        Raises:
            InvalidArtifact: a field is unknown or its value cannot be stored; the sentence names it.
        """
        _fill(self, fields)


def spelled(kind: type[_Given], fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return fields as a value of them holds them, without making the value where that is not needed.

    Beside them it returns what is known of their JSON texts, by their names.

    Raises:
        InvalidArtifact: a field is unknown or its value cannot be stored; the sentence names it.
    """
    if _is_clear(fields, _NOTHING[kind]):
        values = {**fields}
        return values, _make_plain(values)
    made = kind.__new__(kind)
    texts = _fill(made, fields)
    return {name: made.__dict__[name] for name in fields}, texts


def _fill(made: Any, fields: Mapping[str, Any]) -> dict[str, str]:
    """Validate fields into a value, as `BaseModel.__init__` does; return the JSON texts that were met."""
    nothing = _NOTHING.get(type(made))
    if nothing is not None and _is_clear(fields, nothing):
        values = {**nothing, **fields}
        texts = _make_plain(values)
        db.pydantic_internals.fill(made, values, fields)
        return texts
    made.__pydantic_validator__.validate_python(fields, self_instance=made)
    return _make_plain(made.__dict__)


def _make_plain(values: dict[str, Any]) -> dict[str, str]:
    """Make what fields hold plain JSON, in place; return the JSON texts that were met.

    For pydantic's core to call a function of ours takes as long as all that it checks itself.
    """
    texts: dict[str, str] = {}
    if (data := values.get("data")) is not None:
        values["data"], text = jsonable.normalize.spell_data(data, table=values.get("type") == "table")
        if text is not None:
            texts["data"] = text.decode()
    if (metadata := values.get("metadata")) is not None:
        values["metadata"] = jsonable.normalize.normalize_metadata(metadata)
    if (profile := values.get("profile")) is not None:
        values["profile"] = plain_object(profile, "profile", "the profile of a table")
    return texts


_JSON_NAMES = frozenset({"data", "metadata", "profile"})
_ID_NAMES = frozenset({"id", "flow_run_id", "task_run_id"})


def _is_clear(fields: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Tell whether pydantic would take fields as they are, which is the common case and here told sooner."""
    for name, value in fields.items():
        if name not in known:
            return False
        if value is None or name in _JSON_NAMES:
            continue
        if name in _ID_NAMES:
            if type(value) is not UUID:
                return False
        elif type(value) is not str or not value.isascii() or "\0" in value or (name == "key" and not is_key(value)):
            return False
    return True


def plain_object(value: object, name: str, meaning: str) -> Any:
    """Return the plain JSON object that a value says.

    Raises:
        InvalidArtifact: it cannot be said in JSON, or is no object.
    """
    plain = jsonable.normalize.normalize_data(value, name)
    if plain is not None and not isinstance(plain, dict):
        raise InvalidArtifact(f"{name} is a {type(value).__name__}: pass {meaning}, or None.")
    return plain


class ArtifactUpdate(_Given):
    """What to change in an artifact; fields that are not set stay as they are.

    New data without a profile leaves the artifact without one.

    Examples:
        >>> ArtifactUpdate(description="checked").model_dump(exclude_unset=True)
        {'description': 'checked'}
    """

    type: Text | None = None
    description: Text | None = None
    data: Any = None
    metadata: Any = None
    profile: Any = None


class ArtifactCreate(_Given):
    """An artifact to be created.

    Raises:
        InvalidArtifact: a value cannot be stored; the sentence names the path to it.

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


# Of subclasses, which may check more, nothing is known.
_NOTHING: dict[type[Any], dict[str, Any]] = {
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
    """Return an id that was given as a UUID or as its text.

    Raises:
        InvalidQuery: it is neither.
    """
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError):
        raise InvalidQuery(f"{shown(value)} is no id: pass a UUID or its text.") from None
