"""The time of everything that one run of the worklist page computes, with many cases.

The index of the synthetic sample cohort is repeated under other names.
Usage: python benchmarks/worklist.py [cases]
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from support.measuring import machine, seconds

REPEATS = 5
CASES = 1200
SAMPLE_CASES = 12


def many_cases(folder: Path, cases: int):
    """Return a cohort whose index has at least this number of cases; its files are the sample's."""
    from brainseg.cohort import Cohort
    from brainseg.sample import write_sample

    sample = Cohort.open(write_sample(folder / "sample", cases=SAMPLE_CASES))
    copies = range(-(-cases // SAMPLE_CASES))
    slices = pd.concat(
        [_renamed(sample.slices, ["case", "patient_id"], copy) for copy in copies],
        ignore_index=True,
    )
    patients = pd.concat(
        [_renamed(sample.patients, ["patient_id"], copy) for copy in copies], ignore_index=True
    )
    return Cohort(sample.root, slices, "0" * 32, patients)


def _renamed(table: pd.DataFrame, columns: list[str], copy: int) -> pd.DataFrame:
    return table.assign(**{c: table[c].str.replace("SYNTH", f"SYNTH{copy:04d}") for c in columns})


def milliseconds(name: str, do: Callable[[], object]) -> object:
    """Print the best time of some calls, and return the result."""
    print(f"{name:34} {1000 * seconds(do, REPEATS):8.1f} ms")
    return do()


def main() -> None:
    from brainseg import worklist
    from brainseg.checks import findings_table
    from brainseg.cohort import filters
    from brainseg.reviews import open_reviews

    cases = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINSEG_HOME"] = f"{folder}/home"
        cohort = many_cases(Path(folder), cases)
        reviewed = cohort.cases[: cases // 2]
        for name in reviewed:
            open_reviews(cohort).put(name, "AB", "agree", "clear edge")
        print(f"{machine()}, best of {REPEATS}")
        print(
            f"{len(cohort.cases)} cases, {len(cohort.slices)} slices, {len(reviewed)} reviews\n"
            "once for a cohort:"
        )
        rows = milliseconds("  rows of the files and data.csv", lambda: worklist.case_rows(cohort))
        print("after each review:")
        reviews = milliseconds("  reading all reviews", open_reviews(cohort).table)
        print("at each look:")
        rows = milliseconds("  findings", lambda: worklist.with_findings(rows, findings_table([])))
        scores = pd.DataFrame({"case": cohort.cases, "dice": np.linspace(0, 1, len(cohort.cases))})
        rows = milliseconds("  scores", lambda: worklist.with_scores(rows, scores))
        rows = milliseconds("  reviews", lambda: worklist.with_reviews(rows, reviews))
        asked = filters.Filter.parse("tumour_vx~1..~~review~missing~agree~~dice~0.1..0.9")
        milliseconds("  sorting", lambda: filters.sort_rows(rows, "-tumour_vx"))
        milliseconds("  filtering", lambda: rows[asked.rows(rows)])
        names, codes = ["case", "institution", "comments"], worklist.code_columns(rows)
        milliseconds("  searching", lambda: filters.found(rows, "synth clear", names, codes))


if __name__ == "__main__":
    main()
