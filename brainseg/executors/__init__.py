"""Executors: the engine under work that divides into parts, on this machine or on many.

An executor is one of :mod:`concurrent.futures`. Without one, the work runs in this process, in threads
where that helps; ``threads``, ``processes`` (pebble) and ``dask`` (Dask distributed) are given by name.

    with open_executor("dask://10.0.0.5:8786", folders=[data]) as executor:
        cohort = Cohort.open(data, executor=executor)

- The result never depends on the executor, nor on the number of its workers.
- A part runs a function at the top level of a module; arguments and results can be pickled.
- A part whose worker is killed runs again on another. After :data:`TRIES` it is lost, and the others
  go on.
- With an executor, parts that take long are saved in ``BRAINSEG_HOME`` as soon as they are done
  (:func:`saved_part`), so that the same command, repeated, does only the rest.
- Workers of a cluster read the same folders under the same paths. One that lacks them, or has other
  versions of the packages that decide about results, is refused by name.
"""

from brainseg.executors.opening import KINDS, Executor, dashboard_of, open_executor
from brainseg.executors.parts import TRIES, forget_parts, map_parts, saved_part

__all__ = [
    "KINDS",
    "TRIES",
    "Executor",
    "dashboard_of",
    "forget_parts",
    "map_parts",
    "open_executor",
    "saved_part",
]
