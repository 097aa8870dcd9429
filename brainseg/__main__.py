"""The command line: one thin line per verb.

Each verb prints one JSON object with --json (``predict`` one a line an input), progress on standard
error, and exits 0, 1 (findings, a low score, a file that was not used) or 2 (bad use).
"""

import argparse
import json
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from brainseg import RESEARCH_USE, __version__
from brainseg.bundled import BUNDLED
from brainseg.errors import BrainsegError, CohortError
from brainseg.storage import state_dir

Verb = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; bad input is one sentence, never a traceback."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = build_parser().parse_args(arguments)
    try:
        return options.verb(options)
    except BrainsegError as error:
        print(f"brainseg: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("brainseg: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has what it wanted; nothing is left to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def index(options: argparse.Namespace) -> int:
    """Index a cohort and tell what there is."""
    from brainseg.statistics import counts

    cohort = _open(options)
    facts = counts(cohort.slices)
    _tell(options, facts, [f"{name}: {value}" for name, value in facts.items()])
    return 0


def check(options: argparse.Namespace) -> int:
    """Check a cohort; exits 1 where an open finding is as severe as --fail-on says."""
    from brainseg.checks import check_cohort
    from brainseg.checks.acceptances import open_acceptances
    from brainseg.checks.outcome import kinds_table, outcome_of

    if options.list:
        rows = kinds_table().to_dict(orient="records")
        lines = [f"{row['kind']} ({row['severity']}): {row['checks']}" for row in rows]
        _tell(options, {"kinds": rows}, lines)
        return 0
    cohort = _open(options)
    outcome = outcome_of(check_cohort(cohort, options.only), open_acceptances(cohort))
    _tell(options, outcome.as_json(), outcome.as_lines())
    return int(outcome.fails(options.fail_on))


def sample(options: argparse.Namespace) -> int:
    """Write the synthetic sample cohort."""
    from brainseg.sample import write_sample

    with _progress("case") as progress:
        dest = write_sample(options.dest, options.cases, options.seed, progress)
    facts = {"dest": str(dest), "cases": options.cases, "seed": options.seed}
    _tell(options, facts, [f"{options.cases} synthetic cases in {dest}"])
    return 0


def download(options: argparse.Namespace) -> int:
    """Show the real cohort's terms and fetch it."""
    from brainseg.cohort.download import TERMS
    from brainseg.cohort.download import download as fetch

    print(TERMS, file=sys.stderr)
    if not options.yes and (not sys.stdin.isatty() or input("Agree? [y/N] ").lower() != "y"):
        raise CohortError("nothing was downloaded: agree to the terms with y, or with --yes.")
    dest = fetch(options.dest)
    _tell(options, {"dest": str(dest)}, [f"the cohort is in {dest}"])
    return 0


def train(options: argparse.Namespace) -> int:
    """Train a network, or go on with a run, and publish it where asked."""
    if options.settings:
        from brainseg.training import TrainingConfig

        print("\n".join(TrainingConfig.help_lines()))
        return 0
    from brainseg.training.command import run_training

    say = partial(print, file=sys.stderr, flush=True)
    facts = run_training(options, partial(_data, options), say)
    _tell(options, facts, [f"{facts['state']}: {facts['run']}", facts["message"]])
    return 0


def publish(options: argparse.Namespace) -> int:
    """Write finished runs as folds of a model; without a run, its folds as graphs for OpenVINO."""
    from brainseg.training.publishing import publish_all

    with _progress("fold") as progress:
        facts = publish_all(options.run, options.folder, progress)
    folds, graphs = len(facts["folds"]), len(facts["graphs"])
    _tell(options, facts, [f"{facts['model']}: {folds} fold(s), {graphs} of them also as a graph"])
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Score a model by case on cases it never saw."""
    from brainseg import evaluation
    from brainseg.models import open_model

    cohort, model = _open(options), open_model(options.model)
    with _progress("case") as progress:
        result = evaluation.evaluate(cohort, model, options.allow_seen, progress)
    evaluation.keep(result, cohort)
    counted = result.unseen() or result
    groups = evaluation.by_group(counted, evaluation.subgroups(counted, cohort))
    facts, lines = evaluation.as_json(result, groups), evaluation.as_lines(result, groups)
    if options.split_by_slice:
        with _progress("batch") as progress:
            leakage = evaluation.measure_leakage(cohort, model, progress)
        evaluation.keep_leakage(leakage, evaluation.leakage_path(cohort, model))
        facts["split_by_slice"], lines = leakage.as_json(), [*leakage.as_lines(), *lines]
    _tell(options, facts, lines)
    return int(options.fail_under is not None and result.mean_dice < options.fail_under)


def predict(options: argparse.Namespace) -> int:
    """Predict cases, volumes or images without a browser, one JSON object a line an input."""
    from tqdm import tqdm

    from brainseg.batch.inputs import find_inputs
    from brainseg.batch.run import Wanted, in_words, predict_inputs
    from brainseg.exports import refuse_inside
    from brainseg.io import shared_pool
    from brainseg.io.sequence_choice import parse_sequences
    from brainseg.models import open_model

    if options.engine:
        os.environ["BRAINSEG_ENGINE"] = options.engine
    model = open_model(options.model)
    kinds = tuple(filter(None, options.formats.split(",")))
    sequences = parse_sequences(options.sequences)
    wanted = Wanted(options.mode, options.threshold, kinds, options.keep_identity, sequences)
    refuse_inside(options.out, options.input)
    with _progress("slice") as indexing:
        inputs = find_inputs(options.input, indexing)
    failed = False
    with _progress("input") as progress:
        given = (inputs, options.out, model, progress, wanted, shared_pool())
        for result in predict_inputs(*given):
            failed = failed or result["error"] is not None
            # Past the bar, where both go to a terminal.
            tqdm.write(json.dumps(result) if options.json else in_words(result))
            sys.stdout.flush()
    print(RESEARCH_USE, file=sys.stderr)
    return int(failed)


def reviews(options: argparse.Namespace) -> int:
    """Tell what readers think of the cases, as CSV."""
    from brainseg.exports import csv_bytes, write_new
    from brainseg.reviews import open_reviews

    cohort = _open(options)
    kept = open_reviews(cohort)
    table, others = kept.table(), len(kept.of_other_images())
    if others:
        print(
            f"brainseg: {others} review(s) are left out, of cases that share only their name with one "
            "here: their images are others.",
            file=sys.stderr,
        )
    if options.out:
        write_new(options.out, csv_bytes(table), cohort.root, options.overwrite)
    facts = {"reviews": json.loads(table.to_json(orient="records", date_format="iso"))}
    told = str(options.out) if options.out else csv_bytes(table).decode().rstrip("\n")
    _tell(options, facts, [told])
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a case as NIfTI files and a one-page report, predicted where a model is named."""
    from brainseg.exports.case import export_case
    from brainseg.models import open_model

    cohort = _open(options)
    model = open_model(options.model) if options.model else None
    paths = export_case(cohort, options.case, options.out, model, options.overwrite)
    _tell(options, {"case": options.case, "files": [str(p) for p in paths]}, [*map(str, paths)])
    return 0


def features(options: argparse.Namespace) -> int:
    """Describe every slice in numbers, for the map of similar slices, and keep that."""
    from brainseg.models import open_model
    from brainseg.statistics.embeddings import describe_images, describe_with_model, keep
    from brainseg.statistics.neighbours import agreement

    cohort = _open(options)
    model = open_model(options.model) if options.model else None
    with _progress("slice") as progress:
        found = (
            describe_with_model(cohort, model, progress)
            if model
            else describe_images(cohort, progress)
        )
    path, measured = keep(found, cohort, model), agreement(found, cohort.slices)
    facts = {
        "source": found.source,
        "slices": len(found),
        "numbers": found.vectors.shape[1],
        "map": found.method,
        "file": str(path),
        "agreement": None if measured is None else vars(measured),
    }
    told = f"{len(found)} slices in {found.vectors.shape[1]} numbers each, {found.method}: {path}"
    _tell(options, facts, [told, *([] if measured is None else measured.in_words())])
    return 0


def dashboard(options: argparse.Namespace) -> int:
    """Serve the dashboard until it is stopped, on the synthetic sample cohort without data."""
    app = BUNDLED / "dashboard" / "app.py"
    named = options.data or os.environ.get("BRAINSEG_DATA") or _sample_cohort()
    os.environ["BRAINSEG_DATA"] = str(Path(named).expanduser().resolve())
    os.environ["BRAINSEG_HOME"] = str(state_dir().resolve())
    # Streamlit reads the settings beside the script, dashboard/.streamlit/config.toml, from any folder.
    print(f"brainseg: http://localhost:{options.port}  {RESEARCH_USE}", file=sys.stderr)
    # In this process, so that whoever ends it leaves no server behind.
    sys.argv = ["streamlit", "run", str(app), f"--server.port={options.port}"]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, one subparser per verb."""
    parser = argparse.ArgumentParser(prog="brainseg", description=f"{__doc__}\n{RESEARCH_USE}")
    parser.add_argument("--version", action="version", version=f"brainseg {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(verb: Verb, *positions: str) -> argparse.ArgumentParser:
        line = verb.__doc__ or ""
        one = verbs.add_parser(verb.__name__, help=line, description=f"{line} {RESEARCH_USE}")
        one.set_defaults(verb=verb)
        one.add_argument("--json", action="store_true", help="one JSON object on standard output")
        for position in positions:
            one.add_argument(position, type=Path)
        return one

    def add_data(one: argparse.ArgumentParser) -> None:
        one.add_argument("data", type=Path, nargs="?", help="folder of cases (or BRAINSEG_DATA)")

    def add_model(one: argparse.ArgumentParser) -> None:
        one.add_argument("--model", help="a name in models/ (or BRAINSEG_MODEL)")

    def add_prediction_options(one: argparse.ArgumentParser) -> None:
        mode = one.add_mutually_exclusive_group()
        for name, what in (("fast", "one fold looks once"), ("full", "mirror images, too")):
            mode.add_argument(f"--{name}", dest="mode", action="store_const", const=name, help=what)
        one.set_defaults(mode="standard")
        one.add_argument("--threshold", type=float, help="0 to 1; the model's own without")
        one.add_argument("--engine", help="what runs the network (or BRAINSEG_ENGINE)")
        one.add_argument(
            "--formats",
            default="masks,nifti,dicom-seg,csv",
            help="of masks, nifti, dicom-seg, overlay, csv, pdf, separated by commas",
        )
        one.add_argument(
            "--sequences",
            default="",
            metavar="flair=SERIES,...",
            help="which series is flair, pre-contrast or post-contrast, where the files leave it open: "
            "a series number, a file or folder name or a unique part of it, or none",
        )
        one.add_argument(
            "--keep-identity",
            action="store_true",
            help="keep the patient's name and id in DICOM segmentations",
        )

    add_data(add(index))
    one = add(check)
    add_data(one)
    one.add_argument("--only", action="append", metavar="KIND", help="only this kind; repeatable")
    one.add_argument("--fail-on", choices=["error", "warning", "info"], default="error")
    one.add_argument("--list", action="store_true", help="list the kinds of checks, and stop")
    one = add(sample, "dest")
    one.add_argument("--cases", type=int, default=12)
    one.add_argument("--seed", type=int, default=0)
    add(download, "dest").add_argument("--yes", action="store_true", help="agree to the terms")
    one = add(train)
    add_data(one)
    one.add_argument("--config", type=Path, help="JSON or TOML file of settings")
    one.add_argument("--set", action="append", metavar="KEY=VALUE", default=[], help="repeatable")
    one.add_argument("--settings", action="store_true", help="list what --set knows, and stop")
    one.add_argument("--resume", type=Path, metavar="RUN", help="folder of a run to go on with")
    one.add_argument("--all-folds", action="store_true", help="one after the other; again goes on")
    one.add_argument("--runs", type=Path, help="folder that gets the run")
    one.add_argument("--publish", type=Path, metavar="MODEL", help="models/NAME to publish to")
    one = add(publish)
    one.add_argument("folder", type=Path, metavar="MODEL", help="models/NAME")
    one.add_argument("run", type=Path, metavar="RUN", nargs="*", help="folder of a finished run")
    one = add(evaluate)
    add_data(one)
    add_model(one)
    one.add_argument("--allow-seen", action="store_true", help="score seen cases too, marked")
    one.add_argument("--fail-under", type=float, metavar="DICE", help="exit 1 below this mean")
    one.add_argument(
        "--split-by-slice",
        action="store_true",
        help="also measure what a split by slice would claim; takes minutes",
    )
    one = add(predict, "input")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_model(one)
    add_prediction_options(one)
    one = add(reviews)
    add_data(one)
    one.add_argument("--out", type=Path, metavar="FILE", help="a CSV file, not standard output")
    one.add_argument("--overwrite", action="store_true", help="replace that file")
    one = add(export)
    add_data(one)
    one.add_argument("case", metavar="CASE", help="a case's name")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--model", help="a name in models/; without one nothing is predicted")
    one.add_argument("--overwrite", action="store_true", help="replace files of the same names")
    one = add(features)
    add_data(one)
    one.add_argument(
        "--model", help="a name in models/; without one the images alone are looked at"
    )
    one = add(dashboard)
    add_data(one)
    one.add_argument("--port", type=int, default=8501)
    return parser


def _data(options: argparse.Namespace) -> Path:
    named = options.data or os.environ.get("BRAINSEG_DATA")
    if not named:
        raise CohortError(
            "no data was named: give a folder of cases or set BRAINSEG_DATA; `brainseg sample DEST` "
            "writes synthetic ones."
        )
    return Path(named)


def _sample_cohort() -> Path:
    """Return the sample cohort in the user's folder, written the first time."""
    from brainseg.sample import write_sample

    dest = state_dir() / "sample"
    if not (dest / "data.csv").exists():  # written last
        print(f"brainseg: writing the synthetic sample cohort to {dest}", file=sys.stderr)
        with _progress("case") as progress:
            write_sample(dest, progress=progress)
    return dest


def _open(options: argparse.Namespace):
    from brainseg.cohort import Cohort

    with _progress("slice") as progress:
        cohort = Cohort.open(_data(options), progress)
    for note in cohort.notes:
        print(f"brainseg: {note}", file=sys.stderr)
    return cohort


def _tell(options: argparse.Namespace, facts: dict, lines: list[str]) -> None:
    print(json.dumps(facts) if options.json else "\n".join(filter(None, lines)))


@contextmanager
def _progress(unit: str):
    """Give a callback (done, total) that draws a bar on standard error where a person looks on."""
    from tqdm import tqdm

    with tqdm(unit=unit, disable=not sys.stderr.isatty(), leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


if __name__ == "__main__":
    sys.exit(main())
