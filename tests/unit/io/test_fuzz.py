"""Random mutations of good files: read or refused with a sentence, and nothing else."""

from support.fuzzing import outcomes


def test_2000_mutations_are_read_or_refused_and_no_worker_is_lost() -> None:
    seen, lost = outcomes(2_000, seed=8)
    assert sum(seen.values()) == 2_000
    assert not lost
    assert min(seen["read"], seen["refused"]) > 200
