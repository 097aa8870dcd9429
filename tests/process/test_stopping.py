"""A process whose script ends during a hanging prediction exits and leaves no worker behind."""

import subprocess
import sys

import psutil
from support.cohorts import CHECKOUT
from support.make_tiny_model import MODEL

HANGING = """
import sys, time

def hang(passes):
    while passes:
        time.sleep(0.05)

if __name__ == "__main__":
    import hanging
    import numpy as np
    from brainseg.inference import workers
    from brainseg.inference.prediction import predict_timed
    from brainseg.models import NEW, CaseExposure, open_model
    from brainseg.volume import Volume
    from dashboard.shared.background import Work

    workers._open = hanging.hang
    volume = Volume(np.zeros((3, 64, 64, 3), np.uint8))
    model, exposure = open_model(sys.argv[1]), CaseExposure(NEW, (0,))
    work = Work("predicting", lambda progress: predict_timed(volume, model, exposure))
    while not workers.PREDICTING._running:
        time.sleep(0.1)
    assert not work.ready(3)
    print("leaving", flush=True)
"""


def test_a_prediction_that_hangs_does_not_keep_its_process_from_ending(tmp_path):
    script = tmp_path / "hanging.py"
    script.write_text(HANGING)
    with subprocess.Popen(
        [sys.executable, script, MODEL],
        env={"PATH": "", "PYTHONPATH": f"{CHECKOUT}:{tmp_path}", "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "leaving\n"
        started = psutil.Process(process.pid).children(recursive=True)
        # Far below the two minutes after which the prediction itself would be ended.
        assert process.wait(60) == 0
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive
