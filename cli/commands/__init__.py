"""The commands, in the order in which a newcomer needs them."""

from ..app import main
from . import (
    alias,
    artifact,
    check,
    completion,
    delete,
    demo,
    diff,
    lineage,
    listing,
    live,
    report,
    run,
    store,
    tree,
    wait,
    watch,
)

__all__ = ["main"]

for each in (
    demo.demo,
    listing.ls,
    artifact.show,
    listing.history,
    diff.diff,
    check.check,
    tree.tree,
    lineage.lineage,
    live.live,
    wait.wait,
    watch.watch,
    run.run,
    report.report,
    artifact.create,
    artifact.update,
    delete.delete,
    alias.alias,
    listing.count,
    store.verify,
    store.repair,
    store.upgrade,
    store.info,
    completion.completion,
):
    main.add_command(each)
