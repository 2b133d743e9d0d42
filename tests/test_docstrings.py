"""The docstring of each public name explains its parameters, what it returns, and has an example if users call it."""

import dataclasses
import enum
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from types import FunctionType

import pytest
from pydantic import BaseModel

import artifact_store
from artifact_store import ArtifactStore
from artifact_store.runs.current import OpenRun

SECTION = re.compile(
    r"^(Args|Attributes|Returns|Yields|Raises|Examples):\n((?:(?:    .*)?\n)*)", re.MULTILINE
)
ENTRY = re.compile(r"^    ([\w*, ]+):", re.MULTILINE)


def sections(text: str) -> list[tuple[str, str]]:
    """Return the titles and bodies of the sections of a docstring in Google's style."""
    return SECTION.findall(f"{text}\n")


def explained_names(text: str) -> set[str]:
    """Return the names that a docstring explains; an entry may explain several."""
    names: list[str] = []
    for title, body in sections(text):
        if title in ("Args", "Attributes"):
            for entry in ENTRY.findall(body):
                names += entry.split(",")
    return {name.strip(" *") for name in names}


def is_ours(member: object) -> bool:
    """Tell whether a method or a property is defined in this package."""
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    function = function.fget if isinstance(function, property) else function
    return str(getattr(function, "__module__", "")).startswith("artifact_store")


def public_members(owner: type) -> Iterator[tuple[str, object]]:
    """Yield the public methods and properties of a class that are defined in this package."""
    for name, member in inspect.getmembers_static(owner):
        if not name.startswith(("_", "model_")) and is_ours(member):
            yield name, member


def public_objects() -> Iterator[tuple[str, object]]:
    """Yield each public function, class, method and property, with its name."""
    for module in (artifact_store, import_module("artifact_store.rendering")):
        for name in getattr(module, "__all__", ()):
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                value = getattr(module, name)

            if inspect.ismodule(value):
                continue
            yield name, value
            if inspect.isclass(value):
                for member_name, member in public_members(value):
                    yield f"{name}.{member_name}", member


PUBLIC: dict[str, object] = {
    name: value
    for name, value in public_objects()
    if isinstance(value, FunctionType | property | type)
}


def function_of(member: object) -> Callable[..., object]:
    """Return a function, or that of a property."""
    function = member.fget if isinstance(member, property) else member
    assert isinstance(function, FunctionType)
    return function


def parameters(value: object) -> set[str]:
    """Return the parameters of a function, or the fields of a class."""
    if not inspect.isclass(value):
        return {*inspect.signature(function_of(value)).parameters} - {"self", "cls"}
    if issubclass(value, BaseModel):
        return {*value.model_fields}
    if dataclasses.is_dataclass(value):
        return {field.name for field in dataclasses.fields(value)}
    if hasattr(value, "_fields"):
        return {*value._fields}

    # Users do not create these themselves.
    if issubclass(value, BaseException | enum.Enum | OpenRun):
        return set()
    if not isinstance(value.__init__, FunctionType):
        return set()
    return {*inspect.signature(value.__init__).parameters} - {"self"}


def documentation(value: object) -> str:
    """Return the docstring; for a class, with those of its bases and of `__init__`."""
    if not inspect.isclass(value):
        return inspect.getdoc(value) or ""
    classes = [each for each in value.__mro__ if each.__module__.startswith("artifact_store")]
    texts = [each.__doc__ or "" for each in classes]
    if isinstance(value.__init__, FunctionType):
        texts.append(value.__init__.__doc__ or "")
    return "\n".join(inspect.cleandoc(text) for text in texts)


def examples_of(owner: type) -> str:
    """Return the examples of a class and its bases, which may show several methods together."""
    return "".join(body for title, body in sections(documentation(owner)) if title == "Examples")


EXAMPLES = examples_of(ArtifactStore)


def problems_of(name: str, value: object) -> list[str]:
    """Return what the documentation of a public name leaves out."""
    text = documentation(value)
    unexplained = parameters(value) - explained_names(text)
    problems = [f"does not explain {each}" for each in sorted(unexplained)]
    if not isinstance(value, FunctionType):
        return problems

    titles = {title for title, _ in sections(text)}
    returned = inspect.signature(value).return_annotation
    returns_nothing = returned in (None, "None", inspect.Signature.empty)
    if not returns_nothing and not titles & {"Returns", "Yields"}:
        problems.append("has no Returns section")

    called_by_users = "." not in name or name.startswith("ArtifactStore.")
    if called_by_users and "Examples" not in titles and f".{value.__name__}(" not in EXAMPLES:
        problems.append("has no example")
    return problems


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_documented(name: str) -> None:
    assert problems_of(name, PUBLIC[name]) == []


def test_the_methods_of_a_store_are_checked() -> None:
    names = {name for name in dir(ArtifactStore) if not name.startswith("_")}
    assert {f"ArtifactStore.{name}" for name in names} <= {*PUBLIC}
