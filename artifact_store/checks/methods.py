"""The method of a store that checks an artifact."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from uuid import UUID

from .. import checks
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact
from ..wording import shown

__all__ = ["CheckMethods"]


class CheckMethods(StoreBase):
    """The method of a store that checks artifacts."""

    def check(
        self,
        key: str | UUID | Artifact,
        *,
        within: str | timedelta | None = None,
        where: Mapping[str, Mapping[str, object]] | None = None,
        change: Mapping[str, Mapping[str, object]] | None = None,
        against: str | int | UUID | Artifact | None = None,
    ) -> "checks.check.Check":
        """Return whether the latest version of a key is what you expect.

        What cannot be evaluated has failed: a key that does not exist, a number that is missing or is no number, a
        first version that has nothing to compare with. Each failure has a sentence. Without conditions only the key
        must exist. Both sides are read at one moment.

        Args:
            key: the key; or another reference or artifact, which is then checked instead of the latest version.
            within: how long ago it may have been updated: a timedelta, or text such as `90m`, `24h`, `7d`. A
                republication with `skip_unchanged` counts as an update. If its time is more than 5 minutes ahead of
                this clock, its age is unknown.
            where: the range of each number, by the names of `read_series`: `{"rows": {"ge_": 1}}`. The operators are
                `eq_`, `ne_`, `ge_`, `gt_`, `le_`, `lt_`, `between_`, `any_` and `not_any_`.
            change: how far each number may have moved: `max_drop`, `max_rise` or `max_change`, a number or a
                percentage of what it was: `{"data.acc": {"max_drop": 0.05}, "rows": {"max_change": "20%"}}`.
            against: what `change` compares with: an alias or a version of the key (`"prod"`, `3`), or a whole reference
                (`"sales@prod"`). By default the previous version that exists.

        Returns:
            A `Check`, which is true if every condition holds: `ok`, `failures`, `results`, `artifact` and `against`.

        Raises:
            InvalidQuery: a condition or a reference is invalid, or `against` is passed without `change`.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> models = store.create_artifacts({"key": "model", "data": {"acc": acc}} for acc in (0.93, 0.71))
            >>> check = store.check("model", within="24h", change={"data.acc": {"max_drop": 0.05}})
            >>> check
            <Check model@2 against model@1: failed, 1 of 2 conditions>
            >>> print(*(failure.sentence for failure in check.failures))
            data.acc fell by 0.22, from 0.93 in model@1 to 0.71 in model@2; it may fall by at most 0.05.
        """
        conditions = checks.conditions.parse(within, where, change)
        if against is not None and not conditions.change:
            raise InvalidQuery(
                f"against={shown(against)} is what change compares with: pass change= too, or leave it out."
            )

        is_compared = bool(conditions.change)
        is_one_read = not is_compared or self._engine.in_block()
        with nullcontext() if is_one_read else self._engine.snapshot():
            sides = checks.reading.read_sides(self._db, key, against, is_compared)
        return checks.evaluation.evaluate(key, conditions, sides)
