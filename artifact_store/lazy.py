"""Modules and names that are imported when they are first used, for a fast import.

A type checker sees plain imports under `TYPE_CHECKING`. A program uses the `__getattr__` of a
package (PEP 562) that is made here.
"""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType

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
    package: dict[str, object],
    modules: Mapping[str, str],
    renamed: Mapping[str, str] | None = None,
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package whose names are loaded lazily.

    Args:
        package: its globals.
        modules: maps names, separated by spaces, to the module that has them; to an empty string if
            they are modules of the package themselves.
        renamed: maps old names to new ones, relative to the package (`rendering.age`). An old name
            still works, and warns each time that it is looked up.
    """
    own_name = package["__name__"]
    homes = {}
    for names, home in modules.items():
        homes.update(dict.fromkeys(names.split(), home))
    new_names = renamed or {}

    def load(name: str) -> object:
        if name in new_names:
            return load_renamed(name, new_names[name])
        if name not in homes:
            raise AttributeError(f"module {own_name!r} has no attribute {name!r}", name=name)
        found = package[name] = member(homes[name], name)
        return found

    def load_renamed(name: str, new_name: str) -> object:
        # The caller is `load`, and its caller is the line that looks the name up; `warnings` skips
        # importlib.
        message = f"{own_name}.{name} is now {own_name}.{new_name}: use the new name."
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        home, _, last = new_name.rpartition(".")
        return member(home or homes[last], last)

    def member(home: str, name: str) -> object:
        if not home:
            return import_module(f"{own_name}.{name}")
        # As `from home import name` does, which also finds a name that `home` loads lazily itself.
        module = __import__(f"{own_name}.{home}", fromlist=[name])
        found: object = getattr(module, name)
        return found

    def list_names() -> list[str]:
        return sorted({*package, *homes, *new_names})

    return load, list_names
