"""What the store costs beside a hand-written driver, beside its peers, and as it grows.

Run from the root of the repository: ``python -m tests.benchmarks``.
"""
