"""The attributes that the encoders use of NumPy, pandas and polars, as types.

None of the three is imported by the package, and they need not be installed. Only type checkers load this module.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

__all__ = [
    "NumpyArray",
    "NumpyRecord",
    "NumpyScalar",
    "PandasFrame",
    "PandasSeries",
    "PolarsFrame",
    "PolarsSeries",
    "PolarsTime",
]


class NumpyType(Protocol):
    """A `numpy.dtype`."""

    kind: str
    name: str
    names: tuple[str, ...] | None


class NumpyScalar(Protocol):
    """A `numpy.generic`."""

    dtype: NumpyType

    def item(self) -> object: ...


class NumpyRecord(NumpyScalar, Protocol):
    """A `numpy.void`."""

    def __getitem__(self, name: str) -> object: ...


class NumpyArray(Protocol):
    """A `numpy.ndarray`."""

    dtype: NumpyType
    ndim: int

    def tolist(self) -> object: ...
    def __iter__(self) -> Iterator[object]: ...
    def __getitem__(self, index: tuple[()]) -> object: ...


class PandasSeries(Protocol):
    """A `pandas.Series`."""

    dtype: NumpyType
    index: Collection[object]
    name: object

    def tolist(self) -> list[object]: ...


class PandasFrame(Protocol):
    """A `pandas.DataFrame`."""

    columns: Collection[object]
    iloc: Mapping[tuple[slice, int], PandasSeries]
    shape: tuple[int, int]


class PolarsTime(Protocol):
    """A `datetime` or `time` of a polars column."""

    def isoformat(self, *, timespec: str) -> str: ...


class PolarsType(Protocol):
    """A `polars.DataType`."""

    def base_type(self) -> type: ...


class PolarsTimes(Protocol):
    """The namespace `dt` of a polars series."""

    def nanosecond(self) -> Iterable[int]: ...
    def total_nanoseconds(self) -> Iterable[int | None]: ...


class PolarsStructs(Protocol):
    """The namespace `struct` of a polars series."""

    def unnest(self) -> "PolarsFrame": ...


class PolarsSeries(Protocol):
    """A `polars.Series`."""

    dt: PolarsTimes
    dtype: PolarsType
    name: str
    struct: PolarsStructs

    def is_null(self) -> Iterable[bool]: ...
    def to_list(self) -> list[PolarsTime | None]: ...
    def __iter__(self) -> Iterator[object]: ...


class PolarsFrame(Protocol):
    """A `polars.DataFrame`."""

    columns: list[str]
    height: int

    def get_columns(self) -> list[PolarsSeries]: ...
