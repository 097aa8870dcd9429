"""What Streamlit's garbage collection costs each rerun of a page, before and after it is relieved.

Streamlit calls ``gc.collect(2)`` after each run of a page's script. Usage: python benchmarks/rerun.py
"""

import gc
import os
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPEATS = 5


def milliseconds_to_collect() -> float:
    """Return how long a full collection takes where there is no garbage, in ms."""
    gc.collect()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        gc.collect(2)
        times.append(1000 * (time.perf_counter() - started))
    return min(times)


def main() -> None:
    import plotly.graph_objects  # noqa: F401
    import streamlit  # noqa: F401

    from brainseg.inference.prediction import warm_up
    from brainseg.models import open_model

    bare = milliseconds_to_collect()
    warm_up(open_model())
    loaded = milliseconds_to_collect()
    gc.freeze()
    frozen = milliseconds_to_collect()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, best of {REPEATS}"
    )
    print(f"no model {bare:.0f} ms, with a model {loaded:.0f} ms ({loaded / bare:.1f} x)")
    print(f"with a model, frozen as the dashboard does {frozen:.0f} ms ({frozen / bare:.2f} x)")


if __name__ == "__main__":
    main()
