"""What an artifact was made from, and what used it, in words."""

from collections.abc import Sequence
from typing import TypeVar

from .context import MadeFrom, Provenance, UsedBy

__all__ = ["first_of", "provenance_facts", "remarks", "use_text"]

T = TypeVar("T")

_MOST = 5  # that are named
_ROOM = 130  # characters for names: a notebook cuts what is longer than 200, and with it how many more there are


def provenance_facts(provenance: Provenance, ref: str) -> list[tuple[str, str]]:
    """Return the names and values that say where an artifact is from and where it went; none if nothing is known.

    Args:
        provenance: what was read of it.
        ref: its reference, for the command that shows the rest.

    Returns:
        "made from" and "used by" with what each lists, as far as it lists something.

    Examples:
        >>> from artifact_store.rendering.context import MadeFrom, Provenance
        >>> sources = [MadeFrom(f"raw/{n}@1", (f"raw/{n}@latest",), exists=n < 3) for n in range(1, 8)]
        >>> provenance_facts(Provenance(tuple(sources[:3])), "sales@4")
        [('made from', 'raw/1@1 (raw/1@latest), raw/2@1 (raw/2@latest), raw/3@1 (raw/3@latest, gone)')]
        >>> provenance_facts(Provenance(tuple(sources)), "sales@4")[0][1].partition("and ")[2]
        '3 more (artifact-store lineage sales@4)'
    """
    facts = []
    made_from = made_from_text(provenance, ref)
    if made_from:
        facts.append(("made from", made_from))
    used_by = used_by_text(provenance, ref)
    if used_by:
        facts.append(("used by", used_by))
    return facts


def made_from_text(provenance: Provenance, ref: str) -> str:
    """Return what an artifact was made from, in words; empty if nothing is known."""
    texts = [source_text(each) for each in provenance.made_from]
    return listed(texts, provenance.complete, f"artifact-store lineage {ref}")


def used_by_text(provenance: Provenance, ref: str) -> str:
    """Return what used an artifact, in words; empty if nothing did."""
    texts = [use_text(each) for each in provenance.used_by]
    return listed(texts, provenance.complete, f"artifact-store lineage {ref} --down")


def source_text(source: MadeFrom) -> str:
    """Return the reference of what was used, and how it was asked for."""
    remark = remarks(source)
    return f"{source.ref} {remark}" if remark else source.ref


def remarks(source: MadeFrom) -> str:
    """Return in parentheses how something was asked for, and whether it is gone; empty where that says nothing."""
    parts = [asked for asked in source.asked if asked != source.ref]
    if not source.exists:
        parts.append("gone")
    return f"({', '.join(parts)})" if parts else ""


def use_text(use: UsedBy) -> str:
    """Return what was made with an artifact; the run, where it has made nothing."""
    if use.ref is not None:
        return use.ref
    name = use.run or str(use.run_id)
    return f"run {name} of {use.flow}" if use.flow else f"run {name}"


def listed(texts: Sequence[str], complete: bool, command: str) -> str:
    """Return the first of some texts, how many more there are, and the command that shows all of them."""
    most = _MOST
    while most > 1 and len(", ".join(texts[:most])) > _ROOM:
        most -= 1
    first, left_out = first_of(texts, complete, most)
    shown = ", ".join(first)
    return f"{shown} and {left_out} ({command})" if left_out else shown


def first_of(items: Sequence[T], complete: bool, most: int = _MOST) -> tuple[Sequence[T], str]:
    """Return the first of some items, and how many more there are, in words; empty if these are all.

    Examples:
        >>> first_of("abcdefghi", complete=False)
        ('abcde', 'at least 4 more')
        >>> first_of("abcdef", complete=True)
        ('abcdef', '')
    """
    # The name of a single one is as short as the words about it.
    room = most + 1 if most == _MOST else most
    if len(items) <= room:
        return items, ""
    at_least = "" if complete else "at least "
    return items[:most], f"{at_least}{len(items) - most:,} more"
