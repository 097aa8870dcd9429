"""The public API: six functions, light to import, with objects that a notebook shows well."""

import subprocess
import sys

import numpy as np
import pytest
from support.cohorts import FIRST

import brainseg as bs
from brainseg.errors import CohortError, RunError


def test_the_package_lists_its_public_functions():
    assert {"check", "evaluate", "open_cohort", "open_model", "predict", "train"} <= set(dir(bs))
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        bs.segment  # noqa: B018


def test_importing_the_package_imports_neither_pandas_nor_a_network_library():
    program = (
        "import sys, brainseg; brainseg.check\n"
        "print({'pandas', 'keras', 'tensorflow', 'streamlit', 'cv2'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr


def test_a_cohort_is_a_collection_of_cases(tiny_cohort):
    cohort = bs.open_cohort(tiny_cohort)
    assert len(cohort) == 3
    assert [case.name for case in cohort] == cohort.cases
    assert cohort[FIRST].volume().pixels.shape[0] == 3
    assert (cohort[0].name, cohort[-1].name) == (cohort.cases[0], cohort.cases[2])
    with pytest.raises(CohortError, match="unknown case"):
        cohort["nobody"]
    with pytest.raises(IndexError, match="has the cases 0 to 2, not 3"):
        cohort[3]


def test_objects_show_their_facts_as_text_and_as_html(tiny_cohort):
    cohort = bs.open_cohort(tiny_cohort)
    report, model = bs.check(cohort), bs.open_model()
    assert repr(cohort[FIRST]) == (
        f"Case(name={FIRST}, patient=TCGA_XX_0001, slices=3, slices with tumour=2, synthetic=False)"
    )
    assert "cases=3" in repr(cohort)
    assert "errors=" in repr(report) and "checks passed=" in repr(report)
    assert "folds=5" in repr(model)
    for shown in (cohort, cohort[FIRST], report, model):
        assert shown._repr_html_().startswith("<div><strong>")


def test_facts_are_text_and_never_markup(tiny_cohort):
    (tiny_cohort / FIRST).rename(tiny_cohort / "<b>bold")
    html = bs.open_cohort(tiny_cohort)._repr_html_()
    assert "<b>" not in html


def test_a_case_and_its_volume_are_predicted(sample_root):
    cohort, model = bs.open_cohort(sample_root), bs.open_model()
    case = cohort[cohort.cases[0]]
    prediction = bs.predict(case, model)
    shape = "x".join(map(str, prediction.probability.shape))
    expected = f"Prediction(shape={shape}, patient={prediction.exposure.relation}"
    assert repr(prediction).startswith(expected)
    assert "passes" in prediction._repr_html_()
    assert prediction.probability.shape == case.volume().pixels.shape[:3]
    assert prediction.mask(0.5).dtype == bool
    again = bs.predict(case.volume(), model)
    np.testing.assert_array_equal(prediction.probability, again.probability)


def test_a_cohort_is_evaluated(sample_root):
    scores = bs.evaluate(bs.open_cohort(sample_root), bs.open_model())
    assert len(scores.scores) == 2
    assert "mean Dice by case=0." in repr(scores)


def test_an_unknown_setting_is_refused_before_anything_is_written(tiny_cohort, tmp_path):
    with pytest.raises(RunError, match="depth"):
        bs.train(tiny_cohort, tmp_path / "runs", depth=5)
    assert not (tmp_path / "runs").exists()
