"""Modules and names that are loaded when they are first used, so that importing the package costs little.

A type checker sees the imports, which stand under `TYPE_CHECKING`; a program gets what is made here.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["deferred", "deferred_names"]


class _Deferred:
    """Stands for a module of this package, which is loaded when one of its names is asked for.

    Annotations that are text may use it too: `typing.get_type_hints` asks for the name.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = f"{__package__}.{name}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever looks through a module's globals asks for these, and wants none of it
            raise AttributeError(name)
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)
        return found


def deferred(*names: str) -> tuple[Any, ...]:
    """Return stand-ins for modules of this package, each loaded when one of its names is first used."""
    return tuple(map(_Deferred, names))


def deferred_names(
    package: dict[str, Any], modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package, some of whose names are loaded when first used.

    Args:
        package: its globals.
        modules: the modules of these names, by the names that each holds, with spaces between.
    """
    homes = {name: home for names, home in modules.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}", name=name)
        # As `from home import name` does, which also finds a name that is a module itself.
        home = __import__(f"{package['__name__']}.{homes[name]}", fromlist=[name])
        found = package[name] = getattr(home, name)
        return found

    return load, lambda: sorted({*package, *homes})
