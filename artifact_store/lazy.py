"""Modules and names that are imported when they are first used, so that importing the package costs little.

A type checker sees the imports, which stand under `TYPE_CHECKING`; a program gets what is made here, by the
`__getattr__` of a package (PEP 562).
"""

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
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name) from None

    return load


def lazy_names(
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
