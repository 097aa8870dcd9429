"""Checks of a cohort with one label: its findings name the label and are accepted for it alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.volume_cohorts import brats, three_labels

from brainseg.checks import run_checks
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.evidence import Evidence
from brainseg.checks.registry import RULES
from brainseg.cohort import Cohort

LABEL = "enhancing tumour"


def with_an_island() -> np.ndarray:
    values = three_labels()
    values[6, 15, 45] = 3  # within the oedema, so that the union has no island
    values[7, 24, 48] = 3
    return values


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    root = tmp_path_factory.mktemp("brats")
    brats(root, values=with_an_island, suffix=".nii")
    return Cohort.open(root)


def test_a_finding_on_a_mask_names_the_label(cohort: Cohort) -> None:
    assert not run_checks(cohort, ["mask_island"])
    found = run_checks(cohort.of_label(LABEL), ["mask_island"])
    assert found
    assert {one.label for one in found} == {LABEL}
    assert found[0].message.startswith(
        "mask (enhancing tumour) of BraTS-GLI-00000-000 slice 8 has 1"
    )


def test_findings_on_images_do_not_depend_on_the_label(cohort: Cohort) -> None:
    of_label = run_checks(cohort.of_label(LABEL), ["converted_file", "mask_contrast"])
    assert of_label == run_checks(cohort, ["converted_file", "mask_contrast"])


@pytest.mark.parametrize("name", ["mask_contrast", "swapped_sequence", "case_shift"])
def test_a_finding_on_the_union_names_no_label(cohort: Cohort, name: str) -> None:
    row = pd.DataFrame(
        [{"case": "A", "contrast": 0.5, "times": 2.0, "sequence": "FLAIR", "shift": 6, "left": 0.5}]
    )
    rule = replace(RULES[name], rows=lambda evidence: row)
    assert rule.findings(Evidence(cohort.of_label(LABEL))) == rule.findings(Evidence(cohort))


def test_a_finding_is_accepted_for_its_label_alone(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path))
    found = run_checks(cohort.of_label(LABEL), ["mask_island"])
    of_core = run_checks(cohort.of_label("tumour core"), ["mask_island"])
    assert [one.case for one in of_core] == [one.case for one in found]
    open_acceptances(cohort).accept(found, "drawn so on purpose")
    assert all(open_acceptances(cohort).of(found))
    assert not any(open_acceptances(cohort).of(of_core))
