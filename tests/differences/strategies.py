"""JSON values and tables whose differences are hard to tell for Python: 1, 1.0 and true are equal there."""

from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.sampled_from(
    [0, 1, 2, 0.0, -0.0, 1.0, 2.5, 2**70, 1e300, "", "a", "b", "ü\n"]
)  # fmt: skip
names = st.sampled_from(["a", "b", "c", "d", "~/"])
values = st.recursive(
    scalars,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(names, children, max_size=4),
    max_leaves=25,
)
rows = st.dictionaries(names, scalars | st.lists(scalars, max_size=2), max_size=4)
tables = st.lists(rows, max_size=7)
texts = st.text("ab\n\r", max_size=16)
