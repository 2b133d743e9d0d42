"""Links, texts and progress, and the plain data that they become."""

import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import HttpUrl

from artifact_store import ArtifactStore, InvalidArtifact
from artifact_store.payloads.builders import link_payload, markdown_payload, progress_payload


@pytest.mark.parametrize(
    "link", ["https://a.b", "mailto:a@b.c", "/relative", "javascript:alert(1)", "", "日本"]
)
def test_any_text_is_a_link(link):
    assert link_payload(link) == {"type": "link", "data": {"link": link}}
    assert link_payload(link, "text")["data"] == {"link": link, "link_text": "text"}


def test_a_url_that_is_an_object_is_its_text():
    assert link_payload(HttpUrl("https://a.b/c"))["data"] == {"link": "https://a.b/c"}


@pytest.mark.parametrize("value", [None, 3, ["a"], b"text", Path("report.md"), {"a": 1}])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(InvalidArtifact, match=r"^markdown is an? .*: pass text\.$"):
        markdown_payload(value)
    with pytest.raises(InvalidArtifact, match="link is a"):
        link_payload(value)
    if value is not None:
        with pytest.raises(InvalidArtifact, match="link_text is a"):
            link_payload("https://a.b", value)


def test_a_text_with_half_a_character_is_refused():
    with pytest.raises(InvalidArtifact, match="markdown holds a lone surrogate"):
        markdown_payload("\ud800")


# Progress


@pytest.mark.parametrize(
    ("progress", "stored"),
    [
        (0, 0),
        (100, 100),
        (12.5, 12.5),
        (np.float32(12.5), 12.5),
        (np.int8(7), 7),
        (Decimal("12.5"), 12.5),
        (Fraction(1, 4), 0.25),
    ],
)
def test_progress(progress, stored):
    data = progress_payload(progress)["data"]
    assert (data, type(data)) == (stored, type(stored))


@pytest.mark.parametrize(
    ("progress", "stored", "told"),
    [
        (101, 100, "progress 101 is outside of 0 to 100: 100 is stored."),
        (-1, 0, "progress -1 is outside of 0 to 100: 0 is stored."),
        (100.5, 100, "progress 100.5 is outside"),
        (float("inf"), 100, "progress inf is outside"),
        (float("-inf"), 0, "progress -inf is outside"),
        (np.float64(1e9), 100, r"progress 1e\+09 is outside"),
        pytest.param(10**5000, 100, r"progress 1e\+18 is outside", id="googol"),
        (Decimal("1e999"), 100, "progress inf is outside"),
    ],
)
def test_progress_beyond_its_ends_is_clamped_with_a_warning(progress, stored, told):
    with pytest.warns(UserWarning, match=told):
        assert progress_payload(progress)["data"] == stored


@pytest.mark.parametrize(
    "progress",
    [
        True,
        np.True_,
        "50",
        None,
        [50],
        5j,
        float("nan"),
        Decimal("nan"),
        Decimal("snan"),
        Fraction(10**400),
        pd.NA,
    ],
)
def test_what_is_no_progress_is_refused(progress):
    with pytest.raises(InvalidArtifact, match=r"^progress.*: pass .* from 0 to 100\.$"):
        progress_payload(progress)


def test_the_warning_names_the_line_of_the_caller():
    with (
        ArtifactStore("sqlite:///:memory:") as store,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        made = store.create_progress_artifact(101)
        store.update_progress_artifact(made, -1)
        progress_payload(101)
    assert [each.filename for each in caught] == [__file__] * 3
    assert len({each.lineno for each in caught}) == 3
