"""The cost of `brainseg evaluate` beyond its predictions, and the time to open its page.

    python benchmarks/evaluation.py DATA [MODEL]

The first is measured in one process with open networks, in turns, best of three: reading and predicting
the cases alone, and scoring them. The second is the page in a fresh process, as for the first visitor of
a server, and a rerun of it.
"""

import os
import subprocess
import sys
import tempfile

from support.measuring import CHECKOUT, machine, seconds

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPEATS = 3

OPEN_PAGE = """
import sys, time
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1], default_timeout=120).run()  # the overview: the cohort is open
times = []
for _ in range(3):
    started = time.perf_counter()
    app.switch_page("views/evaluation/page.py").run()
    times.append(time.perf_counter() - started)
assert not app.exception and app.metric, "no scores are shown"
assert "tensorflow" not in sys.modules
print(times[0], min(times[1:]))
"""


def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    from brainseg.cohort import Cohort
    from brainseg.evaluation import evaluate, save_scores, scorable
    from brainseg.inference.prediction import predict_timed, warm_up
    from brainseg.models import open_model

    with tempfile.TemporaryDirectory() as scratch:
        os.environ["BRAINSEG_HOME"] = scratch
        cohort, model = Cohort.open(sys.argv[1]), open_model(*sys.argv[2:])
        warm_up(model)
        cases, _ = scorable(cohort, model)

        def predict() -> None:
            for case in cases:
                predict_timed(case.volume(), model, model.exposure(case)).mask(model.threshold)

        predict()  # the network's first batch of each size is slow
        turns = [
            (seconds(predict), seconds(lambda: evaluate(cohort, model))) for _ in range(REPEATS)
        ]
        predicted, scored = (min(column) for column in zip(*turns, strict=True))
        save_scores(evaluate(cohort, model), cohort)
        environment = os.environ | {
            "BRAINSEG_DATA": sys.argv[1],
            "BRAINSEG_MODEL": str(model.folder),
        }
        app = str(CHECKOUT / "dashboard" / "navigation.py")
        command = [sys.executable, "-c", OPEN_PAGE, app]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True
        )
        first, again = map(float, done.stdout.split())
    print(f"{machine()}, best of {REPEATS}")
    print(
        f"{len(cases)} cases: predictions alone {predicted:.2f} s, scored {scored:.2f} s: "
        f"{scored / predicted:.2f} x"
    )
    print(
        f"the evaluation page from saved scores: {first:.2f} s the first time, {again:.2f} s again"
    )


if __name__ == "__main__":
    main()
