"""A hostile model folder whose hashes fit is refused in one sentence, and the good ones still open."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import hostile_models
from support.changed_models import load

from brainseg.errors import ModelError
from brainseg.models import list_models, open_model

MANIFESTS = hostile_models.hostile_manifests()
FILES = hostile_models.hostile_files()


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "tiny"))


def refusal(folder: Path, make: Callable[[Path], None], use: Callable[[Path], object]) -> str:
    """Return the sentence that refuses a folder after a change."""
    make(folder)
    with pytest.raises(ModelError) as refused:
        use(folder)
    return str(refused.value)


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and len(text) < 600


def test_there_are_more_than_two_hundred_hostile_folders():
    assert len(MANIFESTS) + len(FILES) > 200


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_hostile_manifest_is_refused_in_one_sentence(name, folder):
    text = refusal(folder, MANIFESTS[name], lambda path: open_model(str(path)))
    assert is_one_sentence(text), text


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_in_one_sentence(name, folder):
    text = refusal(folder, FILES[name], load)
    assert is_one_sentence(text), text


def test_a_hostile_model_is_listed_and_the_good_one_beside_it_still_opens(folder):
    shutil.copytree(folder, folder.with_name("good"))
    MANIFESTS["manifest: deep"](folder)
    assert list_models(folder.parent) == ["good", "tiny"]
    assert load(folder.with_name("good")).name
    with pytest.raises(ModelError, match="the manifest of tiny cannot be used"):
        open_model("tiny", folder.parent)


def test_an_endless_loop_is_refused_before_the_graph_is_opened(folder):
    text = refusal(folder, FILES["graph: an endless loop"], load)
    assert "the graph contains the operation Loop" in text


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0", "..", "/dev/null"])
def test_a_name_that_no_folder_has_is_refused(name):
    with pytest.raises(ModelError, match=r"model “|” is not a model"):
        open_model(name)
