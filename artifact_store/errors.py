"""The errors of artifact-store, and the tree of their classes.

```text
ArtifactStoreError
├── StoreUnavailable              cannot connect, gone, locked past the deadline, disk full, read-only
│   ├── StoreDamaged              the file, or a row in it, cannot be read
│   ├── StoreMissing              there is no store at the address, and none may be created
│   ├── StoreReadOnly             a write to a store that was opened for reading only
│   └── SchemaTooOld              an older artifact-store created the tables, and they may not be upgraded
├── SchemaTooNew                  the database was written by a newer artifact-store
├── ArtifactNotFound (LookupError) there is no artifact of this reference, and what is there instead
├── ArtifactConflict              the id is taken by an artifact (or run) with other content
├── ArtifactProtected             an alias names the artifact, so it is neither deleted nor changed
├── CheckFailed                   an artifact is not what a check expects
├── VersionConflict               the key or the alias is at another version than the caller expects
├── IntegrityViolation            the database refused a row that breaks a constraint
├── InvalidArtifact (ValueError)  a value that cannot be stored, named by its path
│   └── UnsupportedCharacter      (also an InvalidQuery) the encoding of the database lacks a character
├── InvalidQuery (ValueError)     an argument that is invalid
└── InvalidURL (ValueError)       a store address that cannot be understood

ArtifactDataWarning (UserWarning) a value that is stored as something else
```

Errors of the driver and of Peewee never reach the caller: they are the `__cause__` of these. No
message has a password in it. What pydantic finds wrong with a filter or an artifact is an
`InvalidQuery` or `InvalidArtifact`, and a `pydantic.ValidationError` too. The docstring of a class
is its message when it is raised without one.
"""

import inspect

__all__ = [
    "ArtifactConflict",
    "ArtifactDataWarning",
    "ArtifactNotFound",
    "ArtifactProtected",
    "ArtifactStoreError",
    "CheckFailed",
    "IntegrityViolation",
    "InvalidArtifact",
    "InvalidQuery",
    "InvalidURL",
    "SchemaTooNew",
    "SchemaTooOld",
    "StoreDamaged",
    "StoreMissing",
    "StoreReadOnly",
    "StoreUnavailable",
    "UnsupportedCharacter",
    "VersionConflict",
]


class ArtifactStoreError(Exception):
    """Something went wrong in the artifact store."""

    transient = False
    """Whether the block may succeed when it is tried again from its start."""

    def __init__(self, message: str | None = None) -> None:
        """Take one sentence for a person; by default the first line of the docstring of the class.

        Examples:
            >>> str(StoreUnavailable())
            'The database cannot be used right now.'
        """
        if not message:
            message = inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        super().__init__(message)


class StoreUnavailable(ArtifactStoreError):
    """The database cannot be used right now."""


class StoreDamaged(StoreUnavailable):
    """The database is damaged: restore a copy.

    Attributes:
        name: the artifact or run that cannot be read, if it is known.
    """

    name = ""


class StoreMissing(StoreUnavailable):
    """There is no store at this address."""


class StoreReadOnly(StoreUnavailable):
    """The store was opened for reading only: open it without `read_only` to write."""


class SchemaTooOld(StoreUnavailable):
    """The tables are those of an older artifact-store: upgrade them with `artifact-store upgrade`."""


class SchemaTooNew(ArtifactStoreError):
    """The database was written by a newer artifact-store: upgrade with `pip install -U artifact-store`."""


class ArtifactNotFound(ArtifactStoreError, LookupError):
    """There is no such artifact."""


class ArtifactConflict(ArtifactStoreError):
    """The id is already taken by something with other content."""


class ArtifactProtected(ArtifactStoreError):
    """An alias names the artifact, or an open run has pinned it: delete or change it with `force=True`."""


class VersionConflict(ArtifactStoreError):
    """The key or the alias is at another version than the one expected: read it again."""


class CheckFailed(ArtifactStoreError):
    """An artifact is not what the check expects."""


class IntegrityViolation(ArtifactStoreError):
    """The database refused a row that breaks one of its constraints."""


class InvalidArtifact(ArtifactStoreError, ValueError):
    """The value cannot be stored as an artifact."""


class InvalidQuery(ArtifactStoreError, ValueError):
    """The arguments do not make a query."""


class UnsupportedCharacter(InvalidArtifact, InvalidQuery):
    """The encoding of the database cannot hold a character of the value or the filter."""


class InvalidURL(ArtifactStoreError, ValueError):
    """The address of the store cannot be understood."""


class ArtifactDataWarning(UserWarning):
    """A value is stored as something else: NaN and the infinities as null, bytes as base64 text."""
