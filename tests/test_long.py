"""Counts that take minutes: run by `make test-long`, their last result stands in the README."""

import pytest
from fuzzed import outcomes

pytestmark = pytest.mark.long


def test_100_000_mutations_are_read_or_refused_and_no_worker_is_lost() -> None:
    seen = outcomes(100_000, seed=0)
    assert sum(seen.values()) == 100_000
    assert seen["lost"] == 0
