"""Arguments of checks that are invalid: each is one sentence that says what was expected."""

from datetime import timedelta
from uuid import UUID

import pytest

from artifact_store import ArtifactStore, InvalidQuery

DROP = {"data.acc": {"max_drop": 0.05}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"within": "soon"}, "Invalid within 'soon': expected a timedelta, or text such as 90m, 24h or 7d."),
        ({"within": 24}, "Invalid within 24: expected a timedelta"),
        ({"within": "0h"}, "Invalid within '0h': expected a duration longer than 0."),
        ({"within": timedelta(-1)}, "expected a duration longer than 0."),
        ({"within": "999999999w"}, "Invalid within '999999999w': expected a timedelta"),
        ({"within": "٣h"}, "Invalid within '٣h'"),
        ({"where": {}}, 'Invalid where {}: expected conditions by the name of a number, such as {"rows": {"ge_": 1}}.'),
        ({"where": [1]}, "Invalid where [1]: expected conditions"),
        ({"where": {"rows": {}}}, "Invalid where {} of 'rows': expected one or more of eq_, ne_"),
        ({"where": {"rows": 5}}, "Invalid where 5 of 'rows': expected one or more of eq_"),
        ({"where": {3: {"ge_": 1}}}, "Invalid field 3: expected the name of a number"),
        ({"where": {"rows": {"gee_": 1}}}, "Invalid where of 'rows': there is no operator 'gee_'; did you mean 'ge_'?"),
        ({"where": {"rows": {None: 1}}}, "there is no operator None; use one of 'eq_', 'ne_', "),
        ({"where": {"rows": {"ge_": "1"}}}, "Invalid ge_ '1' of 'rows': expected a finite number."),
        ({"where": {"rows": {"ge_": True}}}, "Invalid ge_ True of 'rows': expected a finite number."),
        ({"where": {"rows": {"ge_": None}}}, "Invalid ge_ None of 'rows': expected a finite number."),
        ({"where": {"rows": {"ge_": float("nan")}}}, "Invalid ge_ nan of 'rows': expected a finite number."),
        ({"where": {"rows": {"any_": 3}}}, "Invalid any_ 3 of 'rows': expected a list of numbers."),
        ({"where": {"rows": {"any_": []}}}, "Invalid any_ [] of 'rows': expected a list of numbers."),
        ({"where": {"rows": {"between_": [2, 1]}}}, "Invalid between_ [2, 1] of 'rows': expected two numbers"),
        ({"where": {"rows": {"between_": [1]}}}, "expected two numbers, the smaller one first."),
        ({"change": {}}, "Invalid change {}: expected conditions by the name of a number"),
        ({"where": {"rows": {"foo_": 1}}}, "there is no operator 'foo_'; use one of 'eq_', 'ne_', "),
        ({"change": {"rows": {"drop": 1}}}, "there is no operator 'drop'; did you mean 'max_drop'?"),
        ({"change": {"rows": {"max_drop": -1}}}, "Invalid max_drop -1 of 'rows': expected a limit of 0 or more."),
        ({"change": {"rows": {"max_drop": "-5%"}}}, "Invalid max_drop '-5%' of 'rows': expected a limit of 0 or more."),
        ({"change": {"rows": {"max_drop": "5"}}}, "expected a number, or text such as 5%."),
        ({"change": {"rows": {"max_drop": float("inf")}}}, "Invalid max_drop inf of 'rows': expected a finite number."),
        ({"against": "prod"}, "against='prod' is what change compares with: pass change= too, or leave it out."),
        ({"change": DROP, "against": "latest"}, "against='latest' is what is checked: pass an alias"),
        ({"change": DROP, "against": 1.5}, "Invalid against 1.5: expected an alias, a version, or a reference"),
        ({"change": DROP, "against": ""}, "Invalid against '': expected an alias"),
        ({"change": DROP, "against": "no alias"}, "Invalid reference 'model@no alias'"),
    ],
)  # fmt: skip
def test_invalid_arguments(store: ArtifactStore, arguments, message):
    with pytest.raises(InvalidQuery) as raised:
        store.check("model", **arguments)  # there is no such key, which is not what is wrong
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_invalid_reference(store: ArtifactStore):
    with pytest.raises(InvalidQuery, match="Invalid reference 'no key'"):
        store.check("no key")
    gone = UUID("01890000-0000-7000-8000-000000000000")
    (failure,) = store.check(gone).failures
    assert failure.sentence == f"There is no artifact {gone!r}."
