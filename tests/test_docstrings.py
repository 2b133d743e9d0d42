"""What is public explains itself: each parameter, what comes back, and an example of what users call."""

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
    """The titles and bodies of the sections of a docstring in Google's style."""
    return SECTION.findall(f"{text}\n")


def explained(text: str) -> set[str]:
    """The names that a docstring explains."""
    bodies = [body for title, body in sections(text) if title in ("Args", "Attributes")]
    return {
        name.strip(" *")
        for body in bodies
        for entry in ENTRY.findall(body)
        for name in entry.split(",")
    }


def methods(owner: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class has from this package."""
    for name, found in inspect.getmembers_static(owner):
        function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        function = function.fget if isinstance(function, property) else function
        if not name.startswith(("_", "model_")) and str(
            getattr(function, "__module__", "")
        ).startswith("artifact_store"):
            yield name, found


def public() -> Iterator[tuple[str, object]]:
    """Every public function, class, method and property, by its name."""
    for home in (artifact_store, import_module("artifact_store.rendering")):
        for name in getattr(home, "__all__", ()):
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                found = getattr(home, name)
            if inspect.ismodule(found):
                continue
            yield name, found
            if inspect.isclass(found):
                yield from ((f"{name}.{method}", function) for method, function in methods(found))


PUBLIC = {
    name: found for name, found in public() if isinstance(found, FunctionType | property | type)
}


def function_of(found: object) -> Callable[..., object]:
    """The function of a method or a property."""
    found = found.fget if isinstance(found, property) else found
    assert isinstance(found, FunctionType)
    return found


def parameters(found: object) -> set[str]:
    """The parameters of a function, or the fields of a class."""
    if not inspect.isclass(found):
        return {*inspect.signature(function_of(found)).parameters} - {"self", "cls"}
    if issubclass(found, BaseModel):
        return {*found.model_fields}
    if dataclasses.is_dataclass(found):
        return {field.name for field in dataclasses.fields(found)}
    if hasattr(found, "_fields"):
        return {*found._fields}
    if issubclass(found, BaseException | enum.Enum | OpenRun) or not isinstance(
        found.__init__, FunctionType
    ):
        return set()
    return {*inspect.signature(found.__init__).parameters} - {"self"}


def documentation(found: object) -> str:
    """The docstring, of a class with those of its bases and of how it is made."""
    if not inspect.isclass(found):
        return inspect.getdoc(found) or ""
    classes = [each for each in found.__mro__ if each.__module__.startswith("artifact_store")]
    texts = [each.__doc__ or "" for each in classes]
    if isinstance(found.__init__, FunctionType):
        texts.append(found.__init__.__doc__ or "")
    return "\n".join(inspect.cleandoc(text) for text in texts)


def examples_of(owner: type) -> str:
    """The examples of a class and its bases, which may show several of their methods together."""
    return "".join(body for title, body in sections(documentation(owner)) if title == "Examples")


EXAMPLES = examples_of(ArtifactStore)


def missing(name: str, found: object) -> list[str]:
    """What the documentation of something public leaves out."""
    text = documentation(found)
    titles = {title for title, _ in sections(text)}
    problems = [f"explains no {each}" for each in sorted(parameters(found) - explained(text))]
    if isinstance(found, FunctionType):
        returns = inspect.signature(found).return_annotation not in (
            None,
            "None",
            inspect.Signature.empty,
        )
        if returns and not titles & {"Returns", "Yields"}:
            problems.append("has no Returns section")
        called = "." not in name or name.startswith("ArtifactStore.")
        if called and "Examples" not in titles and f".{found.__name__}(" not in EXAMPLES:
            problems.append("has no example")
    return problems


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_explained(name: str) -> None:
    assert missing(name, PUBLIC[name]) == []


def test_methods_of_a_store_are_among_them() -> None:
    names = {name for name in dir(ArtifactStore) if not name.startswith("_")}
    assert {f"ArtifactStore.{name}" for name in names} <= {*PUBLIC}
