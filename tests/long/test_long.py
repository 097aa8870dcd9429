"""Counts that take minutes: run by `make test-long`, their last result is in docs/benchmarks.md."""

import pytest
from support.damage import LEAST_NOTICED, noticed, whole_files
from support.fuzzing import outcomes

pytestmark = pytest.mark.long


@pytest.mark.parametrize("encoding", LEAST_NOTICED)
def test_1_200_files_with_damaged_pixels_are_noticed_as_the_documents_say(encoding: str) -> None:
    seen = noticed(*whole_files()[encoding], 1_200)
    assert seen["refused"] >= LEAST_NOTICED[encoding] * 1_200


def test_100_000_mutations_are_read_or_refused_and_a_worker_is_lost_to_one_decoder_alone() -> None:
    seen, lost = outcomes(100_000, seed=0)
    assert sum(seen.values()) == 100_000
    # The LZW decoder of imagecodecs 2026.3.6 ends its process on some streams: two of these files.
    assert set(lost) <= {"lzw.tif"} and seen["lost"] <= 5
