"""Variants of a training, compared on the cases that their folds hold out: whether a change helps."""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields, replace
from functools import partial, reduce
from pathlib import Path

from brainseg.cohort import Cohort
from brainseg.errors import CohortError, RunError
from brainseg.evaluation.comparison import Comparison, compare
from brainseg.evaluation.scores import Evaluation
from brainseg.evaluation.scoring import evaluate
from brainseg.evaluation.store import save_scores, saved_scores
from brainseg.io.files import read_file
from brainseg.training import TrainingConfig
from brainseg.training.command import line_of_epoch
from brainseg.training.cross_validation import cross_validate
from brainseg.training.run_models import as_model
from brainseg.training.runs import Run

REFERENCE = "reference"
"""Name of the settings that every variant is compared with."""

FEWEST_CASES = 28
"""With fewer cases, one or two of them decide the mean difference; see ``docs/model-trials.md``."""

SHARED = ("data", "name", "fold", "folds", "seed", "label")
"""Settings that decide which cases are held out, or what is compared: no variant changes them."""

MOST_BYTES = 2**20


@dataclass(frozen=True)
class Variant:
    """One variant, trained and scored.

    Attributes:
        name: :data:`REFERENCE`, or the variant's name in the file.
        changes: its settings that differ from the reference.
        runs: one run per fold.
        scores: of the cases that these folds hold out, each predicted by the run that never saw it.
        difference: from the reference, case by case; None for the reference itself.
    """

    name: str
    changes: dict[str, object]
    runs: tuple[Run, ...]
    scores: Evaluation
    difference: Comparison | None = None


def read_variants(path: Path, data: str) -> dict[str, TrainingConfig]:
    """Return the settings of the reference and of each variant in a TOML file, by name.

    Args:
        path: a file with the table ``[settings]``, which is the reference and may be missing, and one
            table ``[variants.NAME]`` of changes for each variant.
        data: the cohort, unless ``[settings]`` names it.

    Raises:
        CohortError: the file cannot be read, names no variant, or a variant changes what all share.
        RunError: a setting is refused.
    """
    try:
        content = tomllib.loads(read_file(path, MOST_BYTES).decode())
    except OSError as error:
        raise CohortError(f"{path} cannot be opened: {error.strerror or error}.") from error
    except ValueError as error:
        raise CohortError(f"{path} cannot be read as TOML ({error}): correct the file.") from error
    settings, variants = content.pop("settings", {}), content.pop("variants", {})
    tables = [settings, variants, *(variants.values() if isinstance(variants, dict) else [])]
    if content or not variants or not all(isinstance(one, dict) for one in tables):
        raise CohortError(
            f"{path} must have the table [settings], which may be empty, and one table "
            "[variants.NAME] of changed settings per variant: see docs/training.md."
        )
    if REFERENCE in variants:
        raise CohortError(f"{path} has a variant “{REFERENCE}”: that is [settings]; rename it.")
    settings = {"data": data, "name": path.stem} | settings
    reference = TrainingConfig.from_settings(settings)
    found = {REFERENCE: reference}
    for name, changes in variants.items():
        if refused := sorted(set(changes) & set(SHARED)):
            raise CohortError(
                f"the variant “{name}” changes {', '.join(refused)}, but all variants share these: "
                "move them to [settings]."
            )
        try:
            found[name] = TrainingConfig.from_settings(settings | changes)
        except RunError as error:
            raise RunError(f"the variant “{name}”: {error}") from error
    return {name: replace(one, name=f"{reference.name}-{name}") for name, one in found.items()}


def compare_variants(
    variants: dict[str, TrainingConfig],
    folds: Sequence[int],
    runs: Path | None = None,
    say: Callable[[str], None] | None = None,
    executor: Executor | None = None,
) -> Iterator[Variant]:
    """Train each variant on the same folds, score it on their held-out cases, and yield it.

    Finished runs and saved scores are reused, and stopped runs are resumed: the same call, repeated,
    continues where the last one ended.

    Args:
        variants: as of :func:`read_variants`; the first is the reference.
        folds: numbers of the folds, from 0. Report the variant that you choose on other folds or cases.
        runs: parent folder of the runs; by default the cohort's.
        say: called with one line per epoch.
        executor: trains and scores; see :mod:`brainseg.executors`.

    Raises:
        CohortError: the data cannot be used, or there is no such fold.
        RunError: another training is running, or one of these failed or was stopped.
    """
    reference = next(iter(variants.values()))  # of what all share, see SHARED
    wrong = sorted(set(folds) - set(range(reference.folds)))
    if wrong or not folds:
        raise CohortError(
            f"there is no fold {', '.join(map(str, wrong)) or '“”'} among {reference.folds} folds: "
            f"choose from 0 to {reference.folds - 1}."
        )
    cohort = Cohort.open(reference.data)
    if reference.label:
        cohort = cohort.of_label(reference.label)
    first: Variant | None = None
    for name, config in variants.items():
        report = partial(_say_epoch, say, name, config.epochs) if say else None
        trained = cross_validate(
            config, runs or cohort.state_dir / "runs", report, executor, sorted(set(folds))
        )
        scores = reduce(Evaluation.with_cases, (_scores(cohort, run, executor) for run in trained))
        scores = replace(scores, model=name)
        variant = Variant(name, _changes(variants, config), tuple(trained), scores)
        if first is None:
            first = variant
        else:
            variant = replace(variant, difference=compare(first.scores, scores))
        yield variant


def _say_epoch(
    say: Callable[[str], None], variant: str, epochs: int, fold: int, epoch: dict
) -> None:
    say(f"{variant}, fold {fold}: {line_of_epoch(epoch, epochs)}")


def _scores(cohort: Cohort, run: Run, executor: Executor | None) -> Evaluation:
    """Return the scores of a run on the held-out cases of its fold."""
    model = as_model(run)
    saved = saved_scores(cohort, model)
    if saved is not None and not saved.unscored:
        return saved
    scores = evaluate(cohort, model, before=saved, executor=executor)
    save_scores(scores, cohort)
    return scores


def _changes(variants: dict[str, TrainingConfig], config: TrainingConfig) -> dict[str, object]:
    reference = asdict(next(iter(variants.values())))
    own = asdict(config)
    return {
        setting.name: own[setting.name]
        for setting in fields(config)
        if setting.name != "name" and own[setting.name] != reference[setting.name]
    }


def as_json(variant: Variant) -> dict:
    """Return a variant's figures for JSON; see :func:`as_line`."""
    low, high = variant.scores.ci95
    facts = {
        "variant": variant.name,
        "changes": variant.changes,
        "runs": [str(run.path) for run in variant.runs],
        "cases": len(variant.scores.scores),
        "mean_dice": variant.scores.mean_dice,
        "ci95": [low, high],
    }
    if (found := variant.difference) is not None:
        better, equal, worse = found.wins
        facts["difference"] = {
            "cases": len(found.cases),
            "mean": found.mean,
            "ci95": [found.low, found.high],
            "p_value": found.p_value,
            "better": better,
            "equal": equal,
            "worse": worse,
        }
    return facts


def as_line(variant: Variant) -> str:
    """Return mean Dice by case and paired difference of a variant, with their 95% intervals."""
    low, high = variant.scores.ci95
    line = (
        f"{variant.name}: mean Dice {variant.scores.mean_dice:.3f} ({low:.3f} to {high:.3f}) on "
        f"{len(variant.scores.scores)} held-out cases"
    )
    found = variant.difference
    if found is None:
        return line
    better, equal, worse = found.wins
    return (
        f"{line}; difference {found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f}, "
        f"p {found.p_value:.2f}), better in {better}, equal in {equal}, worse in {worse}"
    )


def notes_on(variants: Sequence[Variant]) -> list[str]:
    """Return what a reader of the comparison has to know."""
    notes = [
        "A variant chosen by these cases is favoured by them: report it on other folds or cases.",
    ]
    fewest = min(len(one.scores.scores) for one in variants)
    if fewest < FEWEST_CASES:
        notes.append(
            f"{fewest} cases are fewer than {FEWEST_CASES}: one or two of them may decide the mean "
            "difference. Compare on more folds."
        )
    return notes
