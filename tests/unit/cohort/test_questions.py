"""What the files of a folder do not tell: asked once, kept in the user's folder, used from then on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.cohorts import head
from support.volume_cohorts import OEDEMA_VX, brats, labels, save, volume

from brainseg.batch.inputs import find_inputs
from brainseg.cohort import Cohort, volume_files
from brainseg.cohort.answers import NONE, Answers, pointer_of, read_answers, save_answers
from brainseg.cohort.questions import MASKS, questions_on, with_answers
from brainseg.volume import FLAIR, PRE_CONTRAST

CASES = ("P01", "P02")


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def twins(root: Path, *of_labels: int) -> Path:
    """Write images in the folder A, and label maps with one value each in B, C and so on."""
    for case in CASES:
        for number in range(1, 5):
            picture(root / "A" / f"{case}_{number}.png", head(number))
            for folder, value in zip("BC", of_labels, strict=False):
                mask = np.zeros((64, 64), np.uint8)
                mask[20:30, 20 : 30 + ord(folder) - 66] = value
                picture(root / folder / f"{case}_{number}.png", mask)
    return root


def unnamed(root: Path) -> Path:
    """Write numbered channels that nothing names."""
    for seed, case in enumerate(CASES):
        for channel in range(3):
            save(root / f"{case}_{channel:04}.nii.gz", volume(seed)[..., channel])
    return root


def test_the_content_tells_images_from_masks_where_the_folders_names_do_not(tmp_path: Path) -> None:
    cohort = Cohort.open(twins(tmp_path, 255))
    assert cohort.cases == [*CASES]
    assert (cohort.slices["area_px"] == 100).all()
    assert not questions_on(cohort)


def test_two_folders_of_label_maps_are_a_question_and_the_answer_is_used(tmp_path: Path) -> None:
    cohort = Cohort.open(twins(tmp_path, 255, 255))
    (question,) = questions_on(cohort)
    assert (question.about, question.options, question.used) == (MASKS, ("B", "C", NONE), "B")
    assert (cohort.slices["area_px"] == 100).all()
    for answer, area in (("C", 110), (NONE, None), ("B", 100)):
        save_answers(tmp_path, with_answers(read_answers(tmp_path), {MASKS: answer}))
        slices = Cohort.open(tmp_path).slices
        assert slices["area_px"].dropna().unique().tolist() == ([] if area is None else [area])
    assert questions_on(Cohort.open(tmp_path))[0].answer == "B"


def test_volumes_in_folders_without_a_word_for_masks_are_paired_too(tmp_path: Path) -> None:
    for seed, case in enumerate(CASES):
        save(tmp_path / "A" / f"{case}.nii.gz", volume(seed)[..., 1])
        save(tmp_path / "B" / f"{case}.nii.gz", labels())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == [*CASES]
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [OEDEMA_VX] * 2
    assert [one.name for one in find_inputs(tmp_path)] == [*CASES]


def test_an_unnamed_sequence_is_a_question_and_the_answer_holds_for_all_cases(
    tmp_path: Path,
) -> None:
    cohort = Cohort.open(unnamed(tmp_path))
    questions = {one.about: one for one in questions_on(cohort)}
    assert questions[FLAIR].options == ("0000.nii.gz", "0001.nii.gz", "0002.nii.gz", NONE)
    assert questions[FLAIR].used == "0000.nii.gz"
    assert any("asks for it once" in note for note in cohort.notes)
    given = {FLAIR: "0001.nii.gz", PRE_CONTRAST: "0000.nii.gz"}
    save_answers(tmp_path, with_answers(Answers(), given))
    cohort = Cohort.open(tmp_path)
    for seed, case in enumerate(cohort):
        shown = case.volume()
        for channel, sequence in enumerate((PRE_CONTRAST, FLAIR)):
            expected = volume(seed)[..., channel].ravel()
            assert np.corrcoef(shown.sequence(sequence).ravel(), expected)[0, 1] > 0.999
        assert f"0001.nii.gz is {FLAIR}, as the user chose" in shown.notes
    assert not any("no file names for sure" in note for note in cohort.notes)
    answered = {one.about: one.answer for one in questions_on(cohort)}
    assert answered[FLAIR] == "0001.nii.gz"
    assert list(tmp_path.glob("*.json")) == []


def test_an_answer_does_not_read_cases_again_whose_files_decide(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    brats(tmp_path)
    Cohort.open(tmp_path)
    save_answers(tmp_path, Answers(sequences={FLAIR: "t2w"}))
    monkeypatch.setattr(volume_files, "_rows", None)
    assert len(Cohort.open(tmp_path)) == len(CASES)


def test_labels_without_a_name_are_a_question_and_get_the_names_that_the_user_gives(
    tmp_path: Path,
) -> None:
    for seed, case in enumerate(CASES):
        save(tmp_path / f"{case}.nii.gz", volume(seed)[..., 1])
        save(tmp_path / f"{case}_seg.nii.gz", labels())
    assert [one.about for one in questions_on(Cohort.open(tmp_path)) if not one.options] == [
        "1",
        "2",
    ]
    save_answers(tmp_path, with_answers(Answers(), {"1": "core", "2": ""}))
    cohort = Cohort.open(tmp_path)
    assert [cohort.label_words(one) for one in cohort.labels] == ["core", "label 2"]
    answers = {one.about: one.answer for one in questions_on(cohort)}
    assert (answers["1"], answers["2"]) == ("core", "")


@pytest.mark.parametrize("content", ["", "[]", '{"sequences": 3}', '{"labels": [1]}', "\0"])
def test_damaged_answers_count_as_none(tmp_path: Path, content: str) -> None:
    path = pointer_of(tmp_path).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    assert read_answers(tmp_path) == Answers()
