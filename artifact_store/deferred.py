"""Modules and names that are loaded when they are first used, so that importing the package costs little.

A type checker sees the imports, which stand under `TYPE_CHECKING`; a program gets what is made here.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["deferred", "deferred_names"]


class _Deferred:
    """Stands for a module in the globals of another one, until one of its names is asked for."""

    def __init__(self, home: str, owner: dict[str, Any]) -> None:
        self._home, self._owner = home, owner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever looks through a module's globals asks for these, and wants none of it
            raise AttributeError(name)
        module = import_module(self._home)
        self._owner[self._home.rpartition(".")[2]] = module  # from now on it is used as if it had been imported
        return getattr(module, name)


def deferred(owner: dict[str, Any], names: str) -> None:
    """Let modules of this package stand in the globals of another one, and load each when it is first used.

    Annotations that are text may name what is in them: `typing.get_type_hints` finds it.

    Args:
        owner: the globals.
        names: the modules, relative to the package, with spaces between; each stands under the last part of its name.
    """
    for name in names.split():
        owner[name.rpartition(".")[2]] = _Deferred(f"{__package__}.{name}", owner)


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
