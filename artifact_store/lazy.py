"""Modules and names that are imported when they are first used, so that importing the package costs little.

A type checker sees the imports, which stand under `TYPE_CHECKING`; a program gets what is made here, by the
`__getattr__` of a package (PEP 562).
"""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["lazy_names", "lazy_submodules"]


def lazy_submodules(package: str) -> Callable[[str], ModuleType]:
    """Return the `__getattr__` of a package that imports its modules when they are first used.

    `from . import artifacts` then costs nothing, and `artifacts.latest` imports `latest`.

    Args:
        package: its `__name__`.
    """

    def load(name: str) -> ModuleType:
        home = f"{package}.{name}"
        try:
            return import_module(home)
        except ModuleNotFoundError as error:
            if error.name != home:
                raise
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}", name=name
            ) from None

    return load


def lazy_names(
    package: dict[str, Any], modules: Mapping[str, str], renamed: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package whose names are loaded when they are first used.

    Args:
        package: its globals.
        modules: the module of each name, by the names that it holds, with spaces between; an empty string for
            names that are modules of the package themselves.
        renamed: old names, each with its new one, below the package (`rendering.age`). An old name still works and
            warns each time that it is looked up.
    """
    own_name = package["__name__"]
    homes = {name: home for names, home in modules.items() for name in names.split()}
    new_names = renamed or {}

    def load(name: str) -> Any:
        if name in new_names:
            return load_renamed(name, new_names[name])
        if name not in homes:
            raise AttributeError(f"module {own_name!r} has no attribute {name!r}", name=name)
        found = package[name] = member(homes[name], name)
        return found

    def load_renamed(name: str, new_name: str) -> Any:
        # Above this function are `load` and then the line that looks the name up; `warnings` skips importlib.
        message = f"{own_name}.{name} is now {own_name}.{new_name}: use the new name."
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        home, _, last = new_name.rpartition(".")
        return member(home or homes[last], last)

    def member(home: str, name: str) -> Any:
        if not home:
            return import_module(f"{own_name}.{name}")
        # As `from home import name` does, which also finds a name that `home` loads late itself.
        return getattr(__import__(f"{own_name}.{home}", fromlist=[name]), name)

    return load, lambda: sorted({*package, *homes, *new_names})
