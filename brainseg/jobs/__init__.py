"""Jobs in worker processes: each with a time and a memory limit, in one bounded line.

:class:`Jobs` is an ``Executor`` of :mod:`concurrent.futures`; each worker is a process of the library
pebble. A subclass that overrides ``_start`` runs the same line on threads or on other machines.

    JOBS = Jobs("a prediction", workers=1, longest_s=120, memory_bytes=4 * 2**30)  # no process yet

    job = JOBS.schedule(function, (argument,), key=digest)  # QueueFull: one sentence
    job.place       # 0 while it runs, 1 for the next in line
    job.cancel()    # takes it out of the line, or ends its worker if no other asker is left
    job.result()    # what the function returned or raised; JobLost if its worker was lost

- ``function`` is defined at the top level of a module; arguments and results can be pickled. A dict at
  the top level of that module lives as long as the worker: cache an opened model there, by its digest.
- Jobs of one ``key`` run once; all askers get the same result, which they must not change.
- Jobs of a patient thread (:func:`set_patient`), such as work ahead of a request, let others go first. A
  worker finishes what it has begun, so give it small jobs.
- For progress, give a worker small jobs: schedule a case block by block, and count the blocks.
- :meth:`Jobs.map_with_halving` goes through many items in batches. If a batch loses its worker, it is
  halved until the harmful item is found; that item gets an error result, and the other items their own.

Workers start with the first job, remain warm, end when they have been idle for some minutes, and end
with this process, even if it is killed. They run as the same user and their results are unpickled: they
contain crashes, time and memory, nothing more.
"""

from brainseg.jobs.service import (
    Job,
    JobLost,
    Jobs,
    QueueFull,
    has_urgent_jobs,
    jobs_of,
    set_patient,
    unfinished_jobs,
)

__all__ = [
    "Job",
    "JobLost",
    "Jobs",
    "QueueFull",
    "has_urgent_jobs",
    "jobs_of",
    "set_patient",
    "unfinished_jobs",
]
