"""Runs that the training tests share; all trainings here are eager unless a test asks otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.trainings import copied, tiny_training

from brainseg.training import new_run, train
from brainseg.training.devices import EAGER_ENVIRONMENT
from brainseg.training.runs import Run
from brainseg.training.stopping import ask_to_stop


@pytest.fixture(scope="module", autouse=True)
def always_eager(eager: None) -> None:
    """Use ``eager`` in every module of this folder."""


@contextmanager
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set the environment of a training that several modules share: eager, with a home of its own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("home")))
        environment.setenv(EAGER_ENVIRONMENT, "1")
        yield


@pytest.fixture(scope="session")
def reports() -> list[dict]:
    """Return the reports of ``whole``, one per epoch."""
    return []


@pytest.fixture(scope="session")
def whole(taught_root: Path, tmp_path_factory: pytest.TempPathFactory, reports: list[dict]) -> Run:
    """Return a finished, uninterrupted training of three epochs: do not change it."""
    with _shared(tmp_path_factory):
        run = new_run(tiny_training(taught_root), tmp_path_factory.mktemp("whole"))
        return train(run, reports.append)


@pytest.fixture(scope="session")
def stopped(taught_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run that was stopped after its first epoch and a batch: resume a copy of it."""
    with _shared(tmp_path_factory):
        run = new_run(tiny_training(taught_root), tmp_path_factory.mktemp("stopped"))
        return train(run, lambda _: ask_to_stop(run))


@pytest.fixture
def half(stopped: Run, tmp_path: Path) -> Run:
    """Return a copy of ``stopped`` that a test may resume."""
    return copied(stopped, tmp_path)
