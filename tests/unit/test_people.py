"""Roles are enforced by the functions that act, whatever a page shows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.cohorts import FIRST

from brainseg import people
from brainseg.checks import run_checks
from brainseg.checks.acceptances import open_acceptances
from brainseg.cohort import Cohort
from brainseg.cohort.answers import save_answers
from brainseg.evaluation import background
from brainseg.monitoring.external_logs import remove_log
from brainseg.people import LOCAL, OWNER, READER, VIEWER, NotAllowedError, Person
from brainseg.reviews import AGREE, history_table, open_measurements, open_reviews
from brainseg.training import TrainingConfig, jobs, run_actions
from brainseg.training.publishing import delete_model, publish
from brainseg.training.run_models import prepare
from brainseg.training.runs import Run


@pytest.fixture
def act_as() -> Iterator[Callable[[Person | None], None]]:
    yield lambda person: people.identify_by(lambda: person)
    people.identify_by(lambda: LOCAL)


def actions(root: Path, tmp_path: Path) -> dict[str, list[Callable[[], object]]]:
    """Return what each role may do, that the one before may not."""
    cohort, run = Cohort.open(root), Run(tmp_path / "run")
    reviews, findings = open_reviews(cohort), run_checks(cohort)
    scoring = background.Scoring(cohort, SimpleNamespace(name="tiny"), False, False)
    return {
        VIEWER: [lambda: background.start(cohort, scoring.model), scoring.stop],
        READER: [
            lambda: reviews.put(FIRST, "AB", AGREE),
            lambda: reviews.delete(FIRST, "AB"),
            lambda: open_measurements(cohort).change(FIRST, "AB", removed=["a1"]),
        ],
        OWNER: [
            lambda: open_acceptances(cohort).accept(findings[:1], "known"),
            lambda: open_acceptances(cohort).withdraw(findings[:1]),
            lambda: jobs.start(TrainingConfig(data=str(root)), tmp_path),
            lambda: jobs.resume(run),
            lambda: jobs.stop(run),
            lambda: run_actions.rename(run, "other"),
            lambda: run_actions.annotate(run, "note"),
            lambda: run_actions.delete(run),
            lambda: publish(run, tmp_path / "model"),
            lambda: delete_model("mine"),
            lambda: prepare(run),
            lambda: save_answers(root, {}),
            lambda: remove_log(tmp_path, SimpleNamespace(path=tmp_path / "log", name="log")),
        ],
    }


@pytest.mark.parametrize("role", [None, VIEWER, READER])
def test_every_action_is_refused_to_who_has_not_its_role(tiny_cohort, tmp_path, act_as, role):
    person = role and Person("AB", role)
    act_as(person)
    for least, refused in actions(tiny_cohort, tmp_path).items():
        for action in refused if person is None or not person.may(least) else ():
            with pytest.raises(NotAllowedError, match=f"need the role {least}|must sign in"):
                action()
    assert history_table().empty
    assert sorted(one.name for one in tmp_path.iterdir()) == ["tiny"]


def test_a_reader_signs_with_the_own_initials_only(tiny_cohort, act_as):
    act_as(Person("AB", READER))
    reviews = open_reviews(Cohort.open(tiny_cohort))
    reviews.put(FIRST, "ab", AGREE)
    with pytest.raises(NotAllowedError, match="cannot sign as CD"):
        reviews.put(FIRST, "CD", AGREE)
    assert reviews.of(FIRST)["reader"].tolist() == ["AB"]


def test_what_an_owner_does_is_recorded_with_the_owner(tiny_cohort, act_as):
    act_as(Person("CD", OWNER))
    cohort = Cohort.open(tiny_cohort)
    finding = run_checks(cohort)[0]
    open_acceptances(cohort).accept([finding], "known")
    open_acceptances(cohort).withdraw([finding])
    table = history_table()
    assert table["who"].tolist() == ["CD", "CD"]
    assert table["action"].tolist() == ["accept finding", "withdraw acceptance"]
    facts = json.loads(table["facts"][0])
    assert facts["reason"] == "known" and facts["findings"][0][0] == finding.kind
