"""The result of a check, as a value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from .. import rendering
from ..errors import CheckFailed
from ..schemas.artifacts import Artifact
from ..wording import count_text

__all__ = ["Check", "CheckResult"]

_COLUMNS = ("result", "number", "expected", "value", "before")


class CheckResult(NamedTuple):
    """One condition of a check, and whether it holds.

    Attributes:
        name: the number (`rows`, `data.acc`), or `updated`, `key` or `against`.
        condition: an operator (`ge_`), `max_drop`, `max_rise`, `max_change`, `within` or `exists`.
        ok: whether it holds; a condition that cannot be evaluated does not.
        sentence: what is so and what was expected, with both numbers.
        expected: what was expected, in a few words: `at least 1`.
        value: the number of the artifact, or when it was updated; `None` where it has no such number.
        limit: what was passed: a number, a list of numbers, a text such as `5%`, or a timedelta.
        before: the number of the other side, for a change.
    """

    name: str
    condition: str
    ok: bool
    sentence: str
    expected: str = ""
    value: int | float | datetime | None = None
    limit: int | float | list[int | float] | str | timedelta | None = None
    before: int | float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON.

        Returns:
            An object with the attributes; a time is text, and a duration a number of seconds.

        Examples:
            >>> CheckResult("rows", "ge_", True, "...", "at least 1", 12, 1).to_dict()["value"]
            12
        """
        fields = self._asdict()
        if isinstance(self.value, datetime):
            fields["value"] = self.value.isoformat().replace("+00:00", "Z")
        if isinstance(self.limit, timedelta):
            fields["limit"] = self.limit.total_seconds()
        return fields


@dataclass(frozen=True, repr=False)
class Check:
    """Whether an artifact is what was expected; true if it is.

    Attributes:
        ref: the reference that was checked.
        artifact: the artifact that it named; `None` when there is none.
        against: the artifact whose numbers its own were compared with; `None` when there is none.
        results: each condition, and whether it holds.
    """

    ref: str
    artifact: Artifact | None
    against: Artifact | None
    results: tuple[CheckResult, ...]

    @property
    def ok(self) -> bool:
        """Whether every condition holds."""
        return not self.failures

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The conditions that do not hold, or cannot be evaluated."""
        return tuple(result for result in self.results if not result.ok)

    def __bool__(self) -> bool:
        """Return whether every condition holds."""
        return self.ok

    def __repr__(self) -> str:
        """Say how it ended, and why."""
        return f"<Check {self.headline}>"

    @property
    def headline(self) -> str:
        """How the check ended, in one line."""
        name = self.ref if self.artifact is None else self.artifact.ref
        if self.against is not None:
            name += f" against {self.against.ref}"
        total = count_text(len(self.results), "condition")
        if self.ok:
            return f"{name}: ok, {total}"
        return f"{name}: failed, {len(self.failures):,} of {total}"

    def raise_if_failed(self) -> Self:
        """Raise an error if a condition does not hold.

        Returns:
            The check itself.

        Raises:
            CheckFailed: with the sentences of all failures.

        Examples:
            >>> failed = CheckResult("rows", "ge_", False, "rows is 0 in sales@3; it must be at least 1.")
            >>> Check("sales", None, None, (failed,)).raise_if_failed()
            Traceback (most recent call last):
            ...
            artifact_store.errors.CheckFailed: rows is 0 in sales@3; it must be at least 1.
        """
        if not self.ok:
            raise CheckFailed(" ".join(failure.sentence for failure in self.failures))
        return self

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from ..rendering.notebook import output_html

        return output_html(self.blocks())

    def blocks(self) -> "list[rendering.blocks.Block]":
        """Return the blocks that show the check, for `artifact_store.rendering.print_blocks`.

        Returns:
            How it ended, the sentence of each failure, and a table of all conditions.

        Examples:
            >>> failed = CheckResult("rows", "ge_", False, "rows is 0 in sales@3; it must be at least 1.")
            >>> [type(block).__name__ for block in Check("sales", None, None, (failed,)).blocks()]
            ['Note', 'Note', 'Table']
        """
        from ..rendering import blocks

        shown: list[blocks.Block] = [blocks.Note(self.headline, problem=not self.ok)]
        for failure in self.failures:
            shown.append(blocks.Note(failure.sentence, problem=True))
        shown.append(self._table())
        return shown

    def _table(self) -> "rendering.blocks.Table":
        from ..rendering import blocks
        from ..rendering.text import moment_text

        rows: list[dict[str, Any]] = []
        for row in self.to_rows():
            if isinstance(row["value"], datetime):
                row["value"] = moment_text(row["value"])
            # HTML shows None, and a cell that is missing, as null.
            rows.append({name: "" if cell is None else cell for name, cell in row.items()})
        columns = [name for name in _COLUMNS if any(row[name] != "" for row in rows)]
        return blocks.Table(tuple(columns), rows)

    def to_markdown(self) -> str:
        """Return the check as GitHub-flavoured Markdown, for the summary of a CI job or a pull request.

        Returns:
            How it ended, the sentence of each failure, and a table of all conditions.

        Examples:
            >>> passed = CheckResult("rows", "ge_", True, "...", "must be at least 1", 12, 1)
            >>> print(Check("sales", None, None, (passed,)).to_markdown())
            ✅ **sales: ok, 1 condition**
            <BLANKLINE>
            | result | number | expected | value |
            | --- | --- | --- | ---: |
            | ok | rows | must be at least 1 | 12 |
            <BLANKLINE>
        """
        from ..rendering import blocks_to_markdown, escape_markdown

        sign = "✅" if self.ok else "❌"
        parts = [f"{sign} **{escape_markdown(self.headline)}**"]
        sentences = [f"- {escape_markdown(failure.sentence)}" for failure in self.failures]
        if sentences:
            parts.append("\n".join(sentences))
        parts.append(blocks_to_markdown([self._table()]))
        return "\n\n".join(parts)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the conditions as rows for people, as they are listed on a terminal.

        Returns:
            Rows with `result` (`ok` or `failed`), `number`, `expected`, `value` and `before`.

        Examples:
            >>> passed = CheckResult("rows", "ge_", True, "...", "at least 1", 12, 1)
            >>> Check("sales", None, None, (passed,)).to_rows()
            [{'result': 'ok', 'number': 'rows', 'expected': 'at least 1', 'value': 12, 'before': None}]
        """
        rows: list[dict[str, Any]] = []
        for result in self.results:
            verdict = "ok" if result.ok else "failed"
            cells = (verdict, result.name, result.expected, result.value, result.before)
            rows.append(dict(zip(_COLUMNS, cells, strict=True)))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON.

        Returns:
            An object with `ref`, `ok`, `artifact` and `against` (references, or null), `failures` (sentences) and
            `results` (every condition).

        Examples:
            >>> failed = CheckResult("rows", "ge_", False, "rows is 0 in sales@3; it must be at least 1.")
            >>> Check("sales", None, None, (failed,)).to_dict()["failures"]
            ['rows is 0 in sales@3; it must be at least 1.']
        """
        return {
            "ref": self.ref,
            "ok": self.ok,
            "artifact": None if self.artifact is None else self.artifact.ref,
            "against": None if self.against is None else self.against.ref,
            "failures": [failure.sentence for failure in self.failures],
            "results": [result.to_dict() for result in self.results],
        }
