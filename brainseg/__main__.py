"""The command line: one thin line per verb.

Each verb prints one JSON object with --json (predict: one line per input), progress on standard error,
and exits with 0, 1 (findings, a low score, a file that was not used) or 2 (wrong usage).
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from brainseg import RESEARCH_USE, command_line, launching
from brainseg.bundled import BUNDLED
from brainseg.command_line import data_of, defect_in_words, executor_of, parser_of, progress_bar
from brainseg.errors import BrainsegError, CohortError, in_one_line
from brainseg.storage import real_path, require_writable, state_dir, write_atomically


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; bad input is one sentence, never a traceback."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = command_line.parse(build_parser(), arguments)
    try:
        with executor_of(options) as options.pool:
            return options.verb(options)
    except BrainsegError as error:
        print(in_one_line(f"brainseg: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("brainseg: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe; nothing is left to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        print(
            "brainseg: out of memory: close other programs, or use smaller images.", file=sys.stderr
        )
        return 2
    except OSError as error:
        reason = f"brainseg: {error.filename or 'file'}: {error.strerror or error}"
        print(in_one_line(reason), file=sys.stderr)
        return 2
    except Exception as error:  # noqa: BLE001 -- a defect: the user gets a sentence, not a traceback
        print(defect_in_words(error), file=sys.stderr)
        return 2


def index(options: argparse.Namespace) -> int:
    """Index a cohort and print its counts."""
    from brainseg.statistics import counts

    cohort = _open(options)
    facts = counts(cohort.slices) | ({"address": cohort.address} if cohort.address else {})
    _print(options, facts, [f"{name}: {value}" for name, value in facts.items()])
    return 0


def check(options: argparse.Namespace) -> int:
    """Check a cohort; exit 1 if an open finding is at least as severe as --fail-on."""
    from brainseg.checks import check_cohort
    from brainseg.checks.acceptances import open_acceptances
    from brainseg.checks.outcome import kinds_table, outcome_of

    if options.list:
        rows = kinds_table().to_dict(orient="records")
        lines = [f"{row['kind']} ({row['severity']}): {row['checks']}" for row in rows]
        _print(options, {"kinds": rows}, lines)
        return 0
    cohort = _open(options)
    outcome = outcome_of(check_cohort(cohort, options.only), open_acceptances(cohort))
    _print(options, outcome.as_json(), [*map(in_one_line, outcome.as_lines(options.all))])
    return int(outcome.fails(options.fail_on))


def sample(options: argparse.Namespace) -> int:
    """Write the synthetic sample cohort."""
    from brainseg.sample import write_sample

    with progress_bar("case") as progress:
        dest = write_sample(options.dest, options.cases, options.seed, progress)
    facts = {"dest": str(dest), "cases": options.cases, "seed": options.seed}
    _print(options, facts, [f"{options.cases} synthetic cases in {dest}"])
    return 0


def download(options: argparse.Namespace) -> int:
    """Show the terms of the LGG cohort and download it."""
    from brainseg.cohort.download import TERMS
    from brainseg.cohort.download import download as fetch

    print(TERMS, file=sys.stderr)
    if not options.yes and (not sys.stdin.isatty() or input("Agree? [y/N] ").lower() != "y"):
        raise CohortError("nothing was downloaded: agree to the terms with y, or with --yes.")
    dest = fetch(options.dest)
    _print(options, {"dest": str(dest)}, [f"the cohort is in {dest}"])
    return 0


def train(options: argparse.Namespace) -> int:
    """Train a network or resume a run, and publish it with --publish."""
    if options.settings:
        from brainseg.training import TrainingConfig

        print("\n".join(TrainingConfig.help_lines()))
        return 0
    from brainseg.monitoring.closing import next_steps, warnings_of
    from brainseg.training.command import run_training
    from brainseg.training.runs import Run

    if options.data:
        data_of(options)
    say = partial(print, file=sys.stderr, flush=True)
    facts = run_training(options, partial(_data, options), say)
    run = Run(Path(facts["run"]))
    facts["warnings"] = warnings_of(run)
    for sentence in facts["warnings"]:
        say(f"brainseg: warning: {sentence}")
    lines = [f"{facts['state']}: {facts['run']}", facts["message"], *next_steps(run)]
    _print(options, facts, lines)
    return 0


def compare(options: argparse.Namespace) -> int:
    """Train variants of the settings on some folds, and compare them case by case."""
    from brainseg.evaluation import variants

    say, found = partial(print, file=sys.stderr, flush=True), []
    every = variants.read_variants(options.variants, str(_data(options)))
    for one in variants.compare_variants(every, options.folds, options.runs, say, options.pool):
        found.append(one)
        say(variants.as_line(one))
    notes = variants.notes_on(found)
    facts = {"variants": [variants.as_json(one) for one in found], "notes": notes}
    _print(options, facts, [*map(variants.as_line, found), *notes])
    return 0


def publish(options: argparse.Namespace) -> int:
    """Publish runs as folds of a model; without a run, export its folds for OpenVINO."""
    from brainseg.training.publishing import publish_all

    with progress_bar("fold") as progress:
        facts = publish_all(options.run, options.folder, progress)
    folds, graphs = len(facts["folds"]), len(facts["graphs"])
    line = f"{facts['model']}: {folds} fold(s), {graphs} of them also as a graph"
    _print(options, facts, [line, facts["folder"]])
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Score a model by case, on cases it was not trained on."""
    from brainseg import evaluation
    from brainseg.evaluation import second_look
    from brainseg.evaluation.scores import json_row
    from brainseg.training.run_models import open_any

    cohort, model = _open(options), open_any(options.model)
    if options.label is None and model.target in map(cohort.label_words, cohort.labels):
        cohort = cohort.of_label(model.target)
    require_writable(cohort.results_dir)
    before = evaluation.saved_scores(cohort, model)
    # Computed here: scores that came with the model are not taken over.
    before = before if before and before.unscored and not before.shipped else None
    keep = partial(evaluation.save_scores, cohort=cohort)
    with progress_bar("case") as progress:
        result = evaluation.evaluate(
            cohort, model, options.allow_seen, progress, before, keep, options.pool
        )
    evaluation.save_scores(result, cohort)
    if options.keep_with_model:
        evaluation.ship_scores(cohort, model, result)
    counted = result.unseen() or result
    groups = evaluation.by_group(counted, evaluation.subgroups(counted, cohort))
    facts, lines = evaluation.as_json(result, groups), evaluation.as_lines(result, groups)
    listed = second_look.second_look_table(result, cohort)
    facts["second_look"] = [json_row(row) for row in listed.to_dict("records")]
    lines += second_look.as_lines(listed, result) if result.second_look else []
    if cohort.labels:
        facts["label"] = cohort.label
    if cohort.labels or cohort.target != model.target:
        lines.append(f"Compared with {cohort.masks_in_words}. The model predicts {model.target}.")
    if options.split_by_slice:
        with progress_bar("batch") as progress:
            leakage = evaluation.measure_leakage(cohort, model, progress)
        evaluation.save_leakage(leakage, evaluation.leakage_path(cohort, model))
        facts["split_by_slice"], lines = leakage.as_json(), [*leakage.as_lines(), *lines]
    _print(options, facts, lines)
    return int(options.fail_under is not None and result.mean_dice < options.fail_under)


def predict(options: argparse.Namespace) -> int:
    """Predict cases, volumes or images; --json prints one object per input."""
    from tqdm import tqdm

    from brainseg.batch.inputs import find_inputs
    from brainseg.batch.run import Wanted, in_words, predict_inputs
    from brainseg.exports import refuse_inside
    from brainseg.io.sequence_choice import parse_sequences
    from brainseg.training.run_models import open_any

    if options.engine:
        os.environ["BRAINSEG_ENGINE"] = options.engine
    model = open_any(options.model)
    kinds = tuple(filter(None, options.formats.split(",")))
    sequences = parse_sequences(options.sequences)
    wanted = Wanted(options.mode, options.threshold, kinds, options.keep_identity, sequences)
    data_of(options)
    refuse_inside(options.out, options.input)
    require_writable(options.out)
    with progress_bar("slice") as indexing:
        inputs = find_inputs(options.input, indexing, options.pool)
    failed = False
    with progress_bar("input") as progress:
        given = (inputs, options.out, model, progress, wanted, options.pool)
        for result in predict_inputs(*given):
            failed = failed or result["error"] is not None
            # Printed without breaking the progress bar.
            tqdm.write(json.dumps(result) if options.json else in_one_line(in_words(result)))
            sys.stdout.flush()
    print(RESEARCH_USE, file=sys.stderr)
    return int(failed)


def reviews(options: argparse.Namespace) -> int:
    """Export the reviews of the cases as CSV."""
    from brainseg.exports import csv_bytes, write_new
    from brainseg.reviews import open_reviews

    cohort = _open(options)
    store = open_reviews(cohort)
    table, others = store.table(), len(store.of_other_images())
    if others:
        print(
            f"brainseg: {others} review(s) omitted: they belong to cases of the same name with other "
            "images.",
            file=sys.stderr,
        )
    if options.out:
        write_new(options.out, csv_bytes(table), cohort.root, options.overwrite)
    facts = {"reviews": json.loads(table.to_json(orient="records", date_format="iso"))}
    text = str(options.out) if options.out else csv_bytes(table).decode().rstrip("\n")
    _print(options, facts, [text])
    return 0


def history(options: argparse.Namespace) -> int:
    """Export who reviewed, accepted, trained, published or deleted what, and when, as CSV."""
    from brainseg.exports import csv_bytes, refuse_to_replace
    from brainseg.reviews import history_table

    table = history_table()
    if options.out:
        refuse_to_replace([options.out], options.overwrite)
        write_atomically(options.out, csv_bytes(table))
    rows = json.loads(table.to_json(orient="records", date_format="iso"))
    facts = {"history": [row | {"facts": json.loads(row["facts"])} for row in rows]}
    text = str(options.out) if options.out else csv_bytes(table).decode().rstrip("\n")
    _print(options, facts, [text])
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a case as NIfTI files and a one-page report, with a prediction if --model is given."""
    from brainseg.exports.case import export_case
    from brainseg.training.run_models import open_any

    cohort = _open(options)
    model = open_any(options.model) if options.model else None
    require_writable(options.out)
    paths = export_case(cohort, options.case, options.out, model, options.overwrite)
    _print(options, {"case": options.case, "files": [str(p) for p in paths]}, [*map(str, paths)])
    return 0


def features(options: argparse.Namespace) -> int:
    """Compute and save the features of every slice, for the map of similar slices."""
    from brainseg.statistics.embeddings import describe_images, describe_with_model, save_features
    from brainseg.statistics.neighbours import agreement
    from brainseg.training.run_models import open_any

    cohort = _open(options)
    model = open_any(options.model) if options.model else None
    require_writable(cohort.state_dir)
    with progress_bar("slice") as progress:
        found = (
            describe_with_model(cohort, model, progress, options.pool)
            if model
            else describe_images(cohort, progress, options.pool)
        )
    path, measured = save_features(found, cohort, model), agreement(found, cohort.slices)
    facts = {
        "source": found.source,
        "slices": len(found),
        "numbers": found.vectors.shape[1],
        "map": found.method,
        "file": str(path),
        "agreement": None if measured is None else vars(measured),
    }
    line = f"{len(found)} slices in {found.vectors.shape[1]} numbers each, {found.method}: {path}"
    _print(options, facts, [line, *([] if measured is None else measured.in_words())])
    return 0


def dashboard(options: argparse.Namespace) -> int:
    """Serve the dashboard; without data it opens the synthetic sample cohort."""
    from brainseg.cohort.discovery import check_root

    app = BUNDLED / "dashboard" / "app.py"
    launching.check_port(options.port)
    data = (data_of(options) or _sample_cohort()).expanduser()
    check_root(data)
    os.environ["BRAINSEG_DATA"] = str(real_path(data))
    os.environ["BRAINSEG_HOME"] = str(real_path(state_dir()))
    if options.insecure_no_login:
        os.environ["BRAINSEG_INSECURE_NO_LOGIN"] = "1"
    if options.log_format:
        os.environ["BRAINSEG_LOG"] = options.log_format
    print(f"brainseg: http://localhost:{options.port}  {RESEARCH_USE}", file=sys.stderr)
    launching.serve_dashboard(app, options.port, options.servers)
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve the networks of a model to other machines, by the Open Inference Protocol v2."""
    from brainseg import serving
    from brainseg.training.run_models import open_any

    model = open_any(options.model)
    launching.check_port(options.port, options.host)
    address = f"http://{options.host}:{options.port}/v2/models/{model.name}"
    print(f"brainseg: {address}  {RESEARCH_USE}", file=sys.stderr)
    serving.serve(model, options.host, options.port)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, one subparser per verb."""
    runs = (
        index,
        check,
        sample,
        download,
        train,
        compare,
        publish,
        evaluate,
        predict,
        reviews,
        history,
        export,
    )
    return parser_of(__doc__ or "", (*runs, features, serve, dashboard))


def _data(options: argparse.Namespace) -> Path:
    data = data_of(options)
    if data is None:
        raise CohortError(
            "no data given: name a folder of cases or set BRAINSEG_DATA; `brainseg sample DEST` "
            "writes a synthetic one."
        )
    return data


def _sample_cohort() -> Path:
    """Return the sample cohort in the user's folder, written the first time."""
    from brainseg.sample import write_sample

    dest = state_dir() / "sample"
    if not (dest / "data.csv").exists():  # written last
        print(f"brainseg: writing the synthetic sample cohort to {dest}", file=sys.stderr)
        with progress_bar("case") as progress:
            write_sample(dest, progress=progress)
    return dest


def _open(options: argparse.Namespace):
    from brainseg.cohort import Cohort

    with progress_bar("slice") as progress:
        cohort = Cohort.open(_data(options), progress, executor=options.pool)
    for note in cohort.notes:
        print(in_one_line(f"brainseg: {note}"), file=sys.stderr)
    return cohort.of_label(getattr(options, "label", None))


def _print(options: argparse.Namespace, facts: dict, lines: list[str]) -> None:
    print(json.dumps(facts) if options.json else "\n".join(filter(None, lines)))


if __name__ == "__main__":
    sys.exit(main())
