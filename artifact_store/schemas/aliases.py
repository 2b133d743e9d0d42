"""Aliases: a name such as `prod` for one version of a key, and the history of what it has named."""

import re
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from ..errors import InvalidQuery
from ..wording import shown
from .artifacts import FROZEN
from .validation import Validated

__all__ = ["Alias", "AliasMove", "check_alias_name", "is_alias_name"]

_NAME = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9._-]{1,64}")


class Alias(Validated, BaseModel):
    """A name of one version of a key.

    Attributes:
        key: the key.
        name: the name, such as `prod`.
        version: the version that it names.
        created: when the alias was created, in UTC.
        moved: when it was last moved, in UTC.
        flow_run_id: the flow run that moved it last; `None` outside a run.
    """

    model_config = FROZEN

    key: str
    name: str
    version: int
    created: datetime
    moved: datetime
    flow_run_id: UUID | None = None

    @property
    def ref(self) -> str:
        """The reference of what it names: `sales@prod`."""
        return f"{self.key}@{self.name}"

    def __repr__(self) -> str:
        """Return the reference and the version."""
        return f"<Alias {self.ref} is version {self.version}>"

    __str__ = __repr__


class AliasMove(Validated, BaseModel):
    """One change of an alias.

    Attributes:
        key: the key.
        name: the name of the alias.
        number: its place in the history of the alias, from 1.
        from_version: the version that the alias named before; `None` if there was no alias.
        to_version: the version that it named from then on; `None` if it was deleted.
        moved: when, in UTC.
        flow_run_id: the flow run that moved it; `None` outside a run.
    """

    model_config = FROZEN

    key: str
    name: str
    number: int
    from_version: int | None
    to_version: int | None
    moved: datetime
    flow_run_id: UUID | None = None

    def __repr__(self) -> str:
        """Return the reference and both versions."""
        before = "none" if self.from_version is None else self.from_version
        after = "none" if self.to_version is None else self.to_version
        return f"<AliasMove {self.key}@{self.name} {before} → {after}>"

    __str__ = __repr__


def is_alias_name(text: object) -> bool:
    """Tell whether an alias can have this name.

    Examples:
        >>> is_alias_name("prod"), is_alias_name("v1.2"), is_alias_name("3"), is_alias_name("latest")
        (True, True, False, False)
    """
    return isinstance(text, str) and text != "latest" and _NAME.fullmatch(text) is not None


def check_alias_name(name: object) -> str:
    """Return the name of an alias.

    Raises:
        InvalidQuery: an alias cannot have it.
    """
    if isinstance(name, str) and is_alias_name(name):
        return name
    if name == "latest":
        raise InvalidQuery(
            "Invalid alias 'latest': it always names the latest version; use another name."
        )
    raise InvalidQuery(
        f"Invalid alias {shown(name)}: use 1 to 64 letters, digits and '. _ -', not only digits."
    )
