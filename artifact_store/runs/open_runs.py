"""The flow runs that are open: started, and not ended."""

from collections.abc import Mapping

from ..db.run_tables import FlowRun as FlowRunTable
from ..db.statements import Query, Statements, slot
from ..filters.compiler import apply_condition, compile_filters
from ..schemas.runs import FlowRun
from .queries import FLOW_RUNS

__all__ = ["read_open_runs"]


def read_open_runs(
    db: Statements, limit: int | None, filters: Mapping[str, object]
) -> list[FlowRun]:
    """Return the open flow runs that match, the last started first.

    Args:
        db: the statements of a store.
        limit: the maximum number of runs; `None` is all.
        filters: the five filters of runs.
    """
    condition, values = compile_filters("flow_run_filter", filters, db.dialect)
    start, end = FlowRunTable.start_time, FlowRunTable.end_time

    def build() -> Query:
        # The condition and the order are those of the index `flow_run_open`.
        query = apply_condition(FLOW_RUNS.select(), condition, db.dialect)
        is_open = start.is_null(False) & end.is_null()
        ordered = query.where(is_open).order_by(start.desc(), FlowRunTable.id.desc())
        return ordered.limit(slot("limit"))

    values["limit"] = db.dialect.unlimited if limit is None else limit
    rows = db.fetch_all(("open_runs", condition), build, values)
    return FLOW_RUNS.rows.values(rows)
