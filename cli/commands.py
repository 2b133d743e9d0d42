"""The commands, in the order in which a newcomer needs them."""

from .app import main
from .artifact import create, show, update
from .delete import delete
from .listing import count, history, ls
from .report import report
from .store import completion, demo, info, repair, upgrade, verify
from .trees import tree

__all__ = ["main"]

for each in (
    demo,
    ls,
    show,
    history,
    tree,
    report,
    create,
    update,
    delete,
    count,
    verify,
    repair,
    upgrade,
    info,
    completion,
):
    main.add_command(each)
