"""The values that go in and come out: frozen pydantic models."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, SupportsIndex, TypedDict, TypeVar, get_args, overload
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .criteria import in_utc
from .errors import InvalidArtifact, InvalidQuery
from .frames import ListFrames, TableFrames
from .jsonvalues import check_text, normalize_data, normalize_metadata, spell_data

__all__ = [
    "Artifact",
    "ArtifactChanges",
    "ArtifactCreate",
    "ArtifactFields",
    "ArtifactList",
    "ArtifactUpdate",
    "Breach",
    "Deployment",
    "Flow",
    "FlowRun",
    "RunValue",
    "Scalar",
    "State",
    "StateType",
    "StoreInfo",
    "TaskRun",
    "WorkPool",
    "WorkQueue",
    "is_key",
    "spelled",
]

Scalar = str | int | float | bool | None

_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,253}[A-Za-z0-9])?")


def is_key(text: object) -> bool:
    """Tell whether an artifact could have this key.

    Examples:
        >>> is_key("sales/2026-11"), is_key("sales@3"), is_key("")
        (True, False, False)
    """
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


# What is tried by a pattern, and explained by `_explained` when it fails: pydantic's core does it without Python.
Text = Annotated[str, Field(pattern=r"\A[^\x00]*\z")]
Key = Annotated[str, Field(pattern=rf"\A{_KEY.pattern}\z")]
Time = Annotated[datetime, AfterValidator(in_utc)]
Tags = tuple[Text, ...]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)


class Artifact(TableFrames, _Value):
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
        from .rendering.notebook import artifact_html

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
        from .rendering.notebook import list_html

        return list_html(self)


class _Given(_Value):
    """What a caller hands over; a value that cannot be stored is one `InvalidArtifact`.

    Pydantic calls `__init__` wherever it makes a value of a class that has its own, in `model_validate` too.
    """

    def __init__(self, **fields: Any) -> None:
        """Validate the fields.

        Raises:
            InvalidArtifact: a field is unknown or its value cannot be stored; the sentence names it.
        """
        _fill(self, fields)


G = TypeVar("G", bound=_Given)


def spelled(kind: type[G], fields: Mapping[str, Any]) -> tuple[G, dict[str, str]]:
    """Return a value of some fields, and what is known of the JSON texts of its fields, by their names.

    Raises:
        InvalidArtifact: a field is unknown or its value cannot be stored; the sentence names it.
    """
    made = kind.__new__(kind)
    return made, _fill(made, fields)


def _fill(made: Any, fields: Mapping[str, Any]) -> dict[str, str]:
    """Validate fields into a value, as `BaseModel.__init__` does; return the JSON texts that were met."""
    try:
        made.__pydantic_validator__.validate_python(fields, self_instance=made)
    except ValidationError as error:
        raise InvalidArtifact(_sentence(error, type(made))) from error
    # For pydantic's core to call a function of ours takes as long as all that it checks itself.
    values, texts = made.__dict__, {}
    if values["data"] is not None:
        values["data"], text = spell_data(values["data"])
        if text is not None:
            texts["data"] = text.decode()
    if values["metadata"] is not None:
        values["metadata"] = normalize_metadata(values["metadata"])
    if values["profile"] is not None:
        values["profile"] = _plain_object(values["profile"], "profile", "the profile of a table")
    return texts


_WANTED = {
    "uuid": "a UUID or its text",
    "string": "text",
    "bool": "true or false",
    "datetime": "a time with a time zone",
}


def _sentence(error: ValidationError, kind: type[BaseModel]) -> str:
    """Say in one sentence what the first validation error means, and what to pass instead."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    wanted = _WANTED.get(first["type"].partition("_")[0])
    if first["type"] == "extra_forbidden":
        message = f"{path} is no field of {kind.__name__}: use one of {', '.join(sorted(kind.model_fields))}"
    elif first["type"] in ("string_pattern_mismatch", "string_unicode"):
        message = _explained(path, first["input"])
    elif first["type"] == "missing":
        message = f"{path} is missing: give one"
    elif wanted is not None:
        message = f"{path}: {first['input']!r:.80} is not {wanted}: pass {wanted}"
    elif not message.startswith(path):
        message = f"{path}: {message}"
    return f"{message}."


def _metadata(path: str) -> Any:
    return AfterValidator(lambda value: None if value is None else normalize_metadata(value, path))


def _explained(path: str, text: str) -> str:
    """Say what is wrong with a text that a pattern has refused."""
    try:
        check_text(text, path)
    except InvalidArtifact as error:
        return str(error).rstrip(".")
    return (
        f"{path}: {text!r:.300} is no key: use 1 to 255 letters, digits and . _ / -, "
        "the first and the last a letter or digit"
    )


def _plain_object(value: object, name: str, meaning: str) -> Any:
    plain = normalize_data(value, name)
    if plain is not None and not isinstance(plain, dict):
        raise InvalidArtifact(f"{name} is a {type(value).__name__}: pass {meaning}, or None.")
    return plain


Parameters = Annotated[
    Any, AfterValidator(lambda value: _plain_object(value, "parameters", "a dict of names and values"))
]


class _Content(_Given):
    type: Text | None = None
    description: Text | None = None
    data: Any = None
    metadata: Any = None
    profile: Any = None


class ArtifactUpdate(_Content):
    """What to change in an artifact; fields that are not set stay as they are.

    New data without a profile leaves the artifact without one.

    Examples:
        >>> ArtifactUpdate(description="checked").model_dump(exclude_unset=True)
        {'description': 'checked'}
    """


class ArtifactCreate(_Content):
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

    id: UUID | None = None
    key: Key | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


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


class StoreInfo(NamedTuple):
    """What a store is and holds.

    Attributes:
        url: where it is, without a password.
        replica: where its read replica is, without a password; `None` when it has none.
        engine: the database engine and its version.
        server: the user, host, port and database that it is connected to; `None` for SQLite.
        schema: the name of the newest migration applied.
        size: bytes of the database on disk; `None` in memory.
        artifacts: number of artifacts, every version counted.
        keys: number of keys.
        connections: the open connections of this process.
        pool_size: the most connections of this process; `None` for SQLite, where each thread has one.
    """

    url: str
    replica: str | None
    engine: str
    server: str | None
    schema: str | None
    size: int | None
    artifacts: int
    keys: int
    connections: int
    pool_size: int | None


class RunValue(_Value):
    """What all runs and their surroundings have."""

    id: UUID
    name: Text
    created: Time
    updated: Time


class Flow(RunValue):
    """A flow: what runs again and again under one name."""

    tags: Tags = ()


class WorkPool(RunValue):
    """A pool of workers; `type` says of which kind."""

    type: Text = "process"


class WorkQueue(RunValue):
    """A queue of a work pool."""

    work_pool_id: UUID


class Deployment(RunValue):
    """A flow with its schedule and infrastructure; its name is unique within the flow."""

    flow_id: UUID
    paused: bool = False
    tags: Tags = ()
    work_queue_id: UUID | None = None


StateType = Literal[
    "SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING"
]
_STATE_TYPES: tuple[str, ...] = get_args(StateType)


def _state_type(value: str) -> str:
    if value not in _STATE_TYPES:
        raise ValueError(f"{value!r:.80} is no state type: use one of {', '.join(_STATE_TYPES)}")
    return value


class State(_Value):
    """What state a run is put into."""

    state_type: Annotated[str, AfterValidator(_state_type)]
    state_name: Text
    state_message: Text | None = None


class _Timed(RunValue):
    state_type: Annotated[str, AfterValidator(_state_type)] | None = None
    state_name: Text | None = None
    expected_start_time: Time | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    tags: Tags = ()
    state_message: Text | None = None
    parameters: Parameters = None


class FlowRun(_Timed):
    """One run of a flow.

    Attributes:
        state_message: why the run is in its state, such as the text of the error that made it fail.
        parameters: what the run was started with, as a JSON object.
        idempotency_key: creating a run of the same flow with the same key returns the first one.
        created_by: who or what made the run, such as `{"id": "…", "type": "SCHEDULE"}`.
    """

    flow_id: UUID
    deployment_id: UUID | None = None
    work_queue_id: UUID | None = None
    parent_task_run_id: UUID | None = None
    flow_version: Text | None = None
    idempotency_key: Text | None = None
    next_scheduled_start_time: Time | None = None
    created_by: Annotated[Any, _metadata("created_by")] = None


class TaskRun(_Timed):
    """One run of a task.

    Attributes:
        task_key: which task it is a run of.
        state_message: why the run is in its state, such as the text of the error that made it fail.
        parameters: what the run was started with, as a JSON object.
    """

    flow_run_id: UUID | None = None
    task_key: Text


class Breach(NamedTuple):
    """One breach of an invariant of latest-version tracking, as `verify` finds it.

    Attributes:
        kind: `missing`, `surplus`, `dangling`, `stale`, `wrong-version`, `wrong-times` or `low-counter`.
        key: the key whose row in the collection table is wrong.
        message: one sentence that says what is wrong.
    """

    kind: str
    key: str
    message: str


V = TypeVar("V", bound=BaseModel)


def checked(model: type[V], fields: Mapping[str, Any]) -> V:
    """Return the value of a run entity from what a caller gave.

    Raises:
        InvalidQuery: a field is unknown or its value is not understood.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        raise InvalidQuery(_sentence(error, model)) from error


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
        raise InvalidQuery(f"{value!r:.80} is no id: pass a UUID or its text.") from None
