"""What an artifact was made from, and what used it, in words."""

from collections.abc import Sequence

from .context import MadeFrom, Provenance, UsedBy

__all__ = ["made_from_parts", "made_from_text", "provenance_facts", "use_text", "used_by_text"]

_MOST = 5  # that are named


def provenance_facts(provenance: Provenance, ref: str) -> list[tuple[str, str]]:
    """Return the names and values that say where an artifact is from and where it went; none if nothing is known.

    Args:
        provenance: what was read of it.
        ref: its reference, for the command that shows the rest.

    Examples:
        >>> from artifact_store.rendering.context import MadeFrom, Provenance
        >>> sources = [MadeFrom(f"raw/{n}@1", (f"raw/{n}@latest",), exists=n < 3) for n in range(1, 8)]
        >>> provenance_facts(Provenance(tuple(sources[:3])), "sales@4")
        [('made from', 'raw/1@1 (raw/1@latest), raw/2@1 (raw/2@latest), raw/3@1 (raw/3@latest, gone)')]
        >>> provenance_facts(Provenance(tuple(sources)), "sales@4")[0][1].partition("and ")[2]
        '2 more (artifact-store lineage sales@4)'
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
    texts = [" ".join(made_from_parts(each)) for each in provenance.made_from]
    return listed(texts, provenance.complete, f"artifact-store lineage {ref}")


def used_by_text(provenance: Provenance, ref: str) -> str:
    """Return what used an artifact, in words; empty if nothing did."""
    texts = [use_text(each) for each in provenance.used_by]
    return listed(texts, provenance.complete, f"artifact-store lineage {ref} --down")


def made_from_parts(source: MadeFrom) -> list[str]:
    """Return the reference of what was used, and in parentheses how it was asked for and whether it is gone."""
    remarks = [asked for asked in source.asked if asked != source.ref]
    if not source.exists:
        remarks.append("gone")
    return [source.ref, f"({', '.join(remarks)})"] if remarks else [source.ref]


def use_text(use: UsedBy) -> str:
    """Return what was made with an artifact; the run, where it has made nothing."""
    if use.ref is not None:
        return use.ref
    name = use.run or str(use.run_id)
    return f"run {name} of {use.flow}" if use.flow else f"run {name}"


def listed(texts: Sequence[str], complete: bool, command: str) -> str:
    """Return the first of some texts, how many more there are, and the command that shows all of them."""
    # Where one is left out, its name is as short as the remark about it.
    most = _MOST if len(texts) > _MOST + 1 else _MOST + 1
    shown = ", ".join(texts[:most])
    left_out = len(texts) - most
    if left_out <= 0:
        return shown
    at_least = "" if complete else "at least "
    return f"{shown} and {at_least}{left_out:,} more ({command})"
