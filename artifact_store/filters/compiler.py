"""The compiler of filters: from filters to a condition, from a condition to an expression.

`condition` walks filters into a *condition*: a nested tuple that says everything about the
shape of the question and nothing about its values, which go into a separate mapping.
`narrowed` puts the Peewee expression of a condition into a query. The statement made of it is kept
under the condition, so it is built once however often the values change.
"""

from collections.abc import Hashable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import peewee
from peewee import SQL, NodeList

from ..db import run_tables as m
from ..db.dialects import Dialect
from ..db.statements import Query, slot
from ..errors import InvalidQuery
from ..filters import fields as c
from ..wording import misplaced, shown
from .definitions import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    Column,
    DeploymentFilter,
    Filter,
    FlowFilter,
    FlowRunFilter,
    StateFilter,
    TaskRunFilter,
    WorkPoolFilter,
    columns,
)
from .operators import EMPTY, OPERATORS

__all__ = ["LINKS", "Condition", "condition", "links_of", "narrowed", "related_keys", "replaced", "way_in"]

_HIGH = 60  # levels of one expression; SQLite's parser has room for 100 open symbols
_FLAT = 100  # terms joined without parentheses; SQLite allows expressions to be 1,000 high

Condition = tuple[Any, ...] | None
Values = dict[Hashable, Any]

EVERYTHING: Condition = ("everything",)
"""The condition that every row satisfies: the negation of `NOTHING`. Unlike `None`, it counts under `or_`."""

NOTHING: Condition = ("nothing",)
"""The condition that no row satisfies: `any_` of an empty list."""

# Under a word, the condition that changes nothing and the one that decides everything.
_NEUTRAL = {"and_": EVERYTHING, "or_": NOTHING}
_DECIDING = {"and_": NOTHING, "or_": EVERYTHING}


# How the entities hang together


class Link(NamedTuple):
    """A way from one table to rows of another, which must satisfy the filter `name` and have links of their own."""

    name: str
    model: Any
    parent: Any
    key: Any
    links: tuple["Link", ...] = ()


def _flow(parent: Any) -> Link:
    return Link("flow_filter", m.Flow, parent, m.Flow.id)


def _pool(parent: Any) -> Link:
    inner = Link("work_pool_filter", m.WorkPool, m.WorkQueue.work_pool_id, m.WorkPool.id)
    return Link("work_queue", m.WorkQueue, parent, m.WorkQueue.id, (inner,))


_TASKS = Link("task_run_filter", m.TaskRun, m.FlowRun.id, m.TaskRun.flow_run_id)
_OF_RUN = (
    _flow(m.FlowRun.flow_id),
    Link("deployment_filter", m.Deployment, m.FlowRun.deployment_id, m.Deployment.id),
    _pool(m.FlowRun.work_queue_id),
)
_OF_ARTIFACT = (
    Link("flow_run_filter", m.FlowRun, m.Artifact.flow_run_id, m.FlowRun.id, _OF_RUN),
    Link("task_run_filter", m.TaskRun, m.Artifact.task_run_id, m.TaskRun.id),
)


def _runs(parent: Any, key: Any) -> Link:
    return Link("flow_run_filter", m.FlowRun, parent, key, (_TASKS,))


def _deployments(parent: Any, key: Any, *links: Link) -> Link:
    return Link("deployment_filter", m.Deployment, parent, key, links)


_OF_QUEUE = (
    _deployments(m.WorkQueue.id, m.Deployment.work_queue_id, _flow(m.Deployment.flow_id)),
    _runs(m.WorkQueue.id, m.FlowRun.work_queue_id),
)

LINKS: dict[str, tuple[Link, ...]] = {
    "artifact_filter": _OF_ARTIFACT,
    "flow_run_filter": (*_OF_RUN, _TASKS),
    "task_run_filter": (Link("flow_run_filter", m.FlowRun, m.TaskRun.flow_run_id, m.FlowRun.id, _OF_RUN),),
    "flow_filter": (
        _runs(m.Flow.id, m.FlowRun.flow_id),
        _deployments(m.Flow.id, m.Deployment.flow_id, _pool(m.Deployment.work_queue_id)),
    ),
    "deployment_filter": (
        _flow(m.Deployment.flow_id),
        _pool(m.Deployment.work_queue_id),
        _runs(m.Deployment.id, m.FlowRun.deployment_id),
    ),
    "work_pool_filter": (Link("work_queue", m.WorkQueue, m.WorkPool.id, m.WorkQueue.work_pool_id, _OF_QUEUE),),
    "work_queue": (Link("work_pool_filter", m.WorkPool, m.WorkQueue.work_pool_id, m.WorkPool.id), *_OF_QUEUE),
}
"""For each entity that can be listed, the related filters that it takes and the way to their tables."""

_KINDS: dict[str, tuple[type[Filter], ...]] = {
    "artifact_filter": (ArtifactFilter, ArtifactCollectionFilter),
    "flow_run_filter": (FlowRunFilter,),
    "task_run_filter": (TaskRunFilter,),
    "flow_filter": (FlowFilter,),
    "deployment_filter": (DeploymentFilter,),
    "work_pool_filter": (WorkPoolFilter,),
}


# From filters to a condition


def condition(root: str, given: Mapping[str, object], dialect: Dialect) -> tuple[Condition, Values]:
    """Return the shape of a question and its values; the shape is `None` when every row satisfies the filters.

    Args:
        root: the entity asked for, a key of `LINKS`.
        given: filters by the name of their parameter.
        dialect: the engine's, which says how a list is bound.

    Raises:
        InvalidQuery: the listing takes no such filter, or the filter is not of the kind that its parameter takes.
    """
    filters: dict[str, Filter] = {}
    for name, value in given.items():
        if name not in _TAKEN[root]:
            near = get_close_matches(name, _TAKEN[root], 1, 0)[0]
            raise InvalidQuery(f"{shown(name)} is no filter of this listing; did you mean {near!r}?")
        if value is None:
            continue
        if not isinstance(value, _KINDS[name]):
            kind = _KINDS[name][0].__name__
            hint = f": write {kind}.model_validate(...)" if isinstance(value, dict) else misplaced(value)
            raise InvalidQuery(f"{name} takes a {kind}, not a {type(value).__name__}{hint}.")
        filters[name] = value
    walk = _Walk(filters, dialect)
    own = [walk.of_filter(filters[root], False)] if root in filters else []
    shape = _combined("and_", [*own, *(walk.of_link(link) for link in LINKS[root])])
    return (None if shape == EVERYTHING else shape), walk.values


def _combined(word: str, terms: Sequence[Condition]) -> Condition:
    """Join conditions; what does not constrain is left out, and what decides alone stands alone."""
    flat: list[Any] = []
    neutral: Condition = None
    for term in terms:
        if term is None:
            continue
        if term == _DECIDING[word]:
            return term
        if term == _NEUTRAL[word]:
            neutral = term
        elif term[0] == word:
            flat += term[1:]
        else:
            flat.append(term)
    if not flat:
        return neutral
    return flat[0] if len(flat) == 1 else (word, *flat)


def _flipped(word: str, negated: bool) -> str:
    """Return the other word under a negation, which is pushed down to the single tests."""
    return word if not negated else "or_" if word == "and_" else "and_"


class _Walk:
    """One walk through the filters of a question, which gathers the values it meets."""

    def __init__(self, filters: Mapping[str, Filter], dialect: Dialect) -> None:
        self.values: Values = {}
        self._filters, self._dialect = filters, dialect

    def _wanted(self, link: Link) -> bool:
        return link.name in self._filters or any(map(self._wanted, link.links))

    def of_link(self, link: Link) -> Condition:
        """Return the condition that a related row satisfies the filters of a link and of the links behind it."""
        if not self._wanted(link):
            return None
        own = self.of_filter(self._filters[link.name], False) if link.name in self._filters else None
        inner = _combined("and_", [own, *map(self.of_link, link.links)])
        if inner == NOTHING:
            return NOTHING
        # A link is named by its number, because Peewee's fields do not compare as plain values.
        return ("link", _LINK_NUMBERS[id(link)], None if inner == EVERYTHING else inner)

    def of_filter(self, value: Filter, negated: bool) -> Condition:
        """Return the condition of one filter, or of its negation."""
        kind = type(value)
        terms = [self._of_field(kind, name, getattr(value, name), negated) for name in columns(kind)]
        for word, children in (("and_", value.and_), ("or_", value.or_)):
            if children is not None:
                terms.append(_combined(_flipped(word, negated), [self.of_filter(each, negated) for each in children]))
        if value.not_ is not None:
            terms.append(self.of_filter(value.not_, not negated))
        return _combined(_flipped(value.operator, negated), terms)

    def _of_field(self, kind: type[Filter], name: str, value: Any, negated: bool, part: str = "") -> Condition:
        if value is None:
            return None
        terms: list[Condition] = []
        for operator in type(value).model_fields:
            operand = getattr(value, operator)
            if operand is None or operator == "operator":
                continue
            if isinstance(operand, c.Criterion):
                terms.append(self._of_field(kind, name, operand, negated, operator))
                continue
            encoded = OPERATORS[value.family, operator].encode(operand, self._dialect)
            if encoded is not None:
                variant, bound = encoded
                if variant == EMPTY:
                    terms.append(EVERYTHING if negated else NOTHING)
                    continue
                first = len(self.values)
                self.values.update(enumerate(bound, first))
                terms.append(("test", kind, name, part, operator, variant, first, len(bound), negated))
        return _combined(_flipped(value.operator, negated), terms)


# Other forms of the conditions on related rows


def links_of(shape: Condition) -> list[tuple[Any, ...]]:
    """Return the conditions on related rows that must hold whatever else does."""
    return [part for part in _parts(shape) if part[0] == "link"]


def way_in(shape: Condition) -> Query:
    """Return the column by which the first of the conditions on related rows finds its rows."""
    number = next(part[1] for part in _parts(shape) if part[0] in ("link", "keys"))
    return _LINKS_BY_NUMBER[number].parent


def _parts(shape: Condition) -> tuple[Any, ...]:
    return () if shape is None else shape[1:] if shape[0] == "and_" else (shape,)


def related_keys(link: tuple[Any, ...], dialect: Dialect) -> Query:
    """Return the query for the keys of the related rows that a link speaks of."""
    model, key = _LINKS_BY_NUMBER[link[1]].model, _LINKS_BY_NUMBER[link[1]].key
    return narrowed(model.select(key), link[2], dialect)


def replaced(shape: Condition, forms: Mapping[tuple[Any, ...], str]) -> Condition:
    """Return a condition with some of its links in another form.

    Args:
        shape: the condition.
        forms: for a link, `"keys"`: the keys of the related rows are a list, bound under `("keys", number)`, where
            `number` is the link's second member; or `"exists"`: each row looks for its related one.
    """
    if shape is None or not forms:
        return shape
    if shape in forms:
        return (forms[shape], *shape[1:])
    return (shape[0], *((forms[part], *part[1:]) if part in forms else part for part in shape[1:]))


# From a condition to an expression


def narrowed(query: Query, shape: Condition, dialect: Dialect) -> Query:
    """Return a query for the rows alone that satisfy a condition.

    Related rows are named queries in front of it, the farthest first: nested in each other they would
    soon fill the 100 symbols that SQLite's parser has room for. Engines read them as if they stood in place.
    """
    if shape is None:
        return query
    named: list[Query] = []
    return query.where(_whole(shape, query, dialect, named)).with_cte(*named)


def _whole(shape: tuple[Any, ...], query: Query, dialect: Dialect, named: list[Query]) -> Query:
    """Build a condition on the rows of a query; what must stand in front of it goes into `named`."""
    built = _built(shape, query.select(query.model.id), dialect, named)
    return _enclosed(built) if built.word == "or_" else built.node


class _Built(NamedTuple):
    """An expression, how high it is, and the word that joins its terms; one with a word has no parentheses yet."""

    height: int
    word: str
    node: Query


def _built(shape: tuple[Any, ...], rows: Query, dialect: Dialect, named: list[Query]) -> _Built:
    word = shape[0]
    if shape == NOTHING:
        return _Built(1, "", SQL("1 = 0"))
    if word == "test":
        return _Built(1, "", _test(dialect, *shape[1:]))
    if word == "keys":
        return _Built(1, "", dialect.is_in(_LINKS_BY_NUMBER[shape[1]].parent, slot(shape[:2])))
    if word in ("link", "exists"):
        link = _LINKS_BY_NUMBER[shape[1]]
        inner = link.model.select(link.key)
        if shape[2] is not None:
            inner = inner.where(_whole(shape[2], link.model.select(), dialect, named))
        if word == "exists":
            # As a value and not as EXISTS, which a planner may turn into a join that reads every related row.
            found = inner.where(link.key == link.parent).columns(SQL("TRUE"))
            return _Built(1, "", peewee.fn.COALESCE(found, SQL("FALSE")))
        named.append(inner.cte(f"related_{len(named)}", columns=("key",)))
        return _Built(1, "", link.parent << named[-1].select(named[-1].c.key))
    parts = [_lowered(_built(each, rows, dialect, named), rows, named) for each in shape[1:]]
    first, *rest = sorted(parts, key=lambda built: -built.height)
    return _Built(first.height + 1, word, _joined(word, first, rest))


def _lowered(built: _Built, rows: Query, named: list[Query]) -> _Built:
    """Put an expression that is too high in front of the query, as the named list of the rows that satisfy it."""
    if built.height < _HIGH:
        return built
    named.append(rows.where(_enclosed(built)).cte(f"part_{len(named)}", columns=("id",)))
    return _Built(1, "", rows.model.id << named[-1].select(named[-1].c.id))


def _joined(word: str, first: _Built, rest: list[_Built]) -> Query:
    """Join terms, the highest first and the rest in a group of its own.

    SQLite's parser has room for 100 open symbols: a chain of 100 nested filters fits only when
    its levels open nothing but a parenthesis where OR stands under AND, and 1,000 terms only
    when they are grouped.
    """
    glue = " AND " if word == "and_" else " OR "
    nodes = [_enclosed(each) for each in rest]
    while len(nodes) > _FLAT:
        nodes = [NodeList(nodes[i : i + _FLAT], glue=glue, parens=True) for i in range(0, len(nodes), _FLAT)]
    group = nodes[0] if len(nodes) == 1 else NodeList(nodes, glue=glue, parens=True)
    return NodeList((_enclosed(first) if (word, first.word) == ("and_", "or_") else first.node, group), glue=glue)


def _enclosed(built: _Built) -> Query:
    return NodeList((built.node,), parens=True) if built.word else built.node


def _test(
    dialect: Dialect,
    kind: type[Filter],
    name: str,
    part: str,
    operator: str,
    variant: Hashable,
    first: int,
    size: int,
    negated: bool,
) -> Query:
    column = columns(kind)[name]
    slots = [slot(number) for number in range(first, first + size)]
    family = column.family if not part else "column"
    build = OPERATORS[family, operator].build
    if part:
        node = build(getattr(column.field, StateFilter.model_fields[part].metadata[0]), variant, slots, dialect)
    elif family == "column" and operator in ("is_null_", "exists_"):
        node = _presence(column, operator, bool(variant))
    else:
        node = build(column.field, variant, slots, dialect)
        if column.parent is not None:
            node = column.parent << column.key.model.select(column.key).where(node)
        if column.or_field is not None:
            node = NodeList((node, build(column.or_field, variant, slots, dialect)), glue=" OR ", parens=True)
    return NodeList((NodeList((node,), parens=True), SQL("IS NOT TRUE"))) if negated else node


def _presence(column: Column, operator: str, variant: bool) -> Query:
    """Build `is_null_` and `exists_`: of a column, or of rows in another table."""
    absent = variant == (operator == "is_null_")
    if column.parent is None or column.present is not None:
        return (column.field if column.present is None else column.present).is_null(absent)
    rows = column.key.model.select(SQL("1")).where(column.key == column.parent)
    return ~peewee.fn.EXISTS(rows) if absent else peewee.fn.EXISTS(rows)


def _numbered(links: Sequence[Link]) -> list[Link]:
    return [each for link in links for each in (link, *_numbered(link.links))]


_LINKS_BY_NUMBER = _numbered([link for links in LINKS.values() for link in links])
_LINK_NUMBERS = {id(link): number for number, link in enumerate(_LINKS_BY_NUMBER)}
_TAKEN = {root: {root, *(link.name for link in _numbered(links))} & {*_KINDS} for root, links in LINKS.items()}
