"""Many visitors at once: seconds per page, page runs a second, and memory over time.

Each visitor opens a random page, waits for it and for its case, rests, and opens the next. All of them
are on this machine and share its processors with the server.

Usage: python benchmarks/soak.py DATA [--visitors 25] [--seconds 300] [--pause 5 15] [--no-predictions]
       [--servers 1 | --signed-in] [--checkout FOLDER]

--pause 0 0 saturates the server. --servers 2 serves as `brainseg dashboard --servers 2` does. --checkout
serves the dashboard of another checkout, for a comparison. --signed-in serves by two processes behind
nginx, with a provider of OpenID Connect: each visitor signs in as a reader, keeps cookies and WebSocket,
and reviews about every other case that it opens. In the end, all reviews must be in the shared state.
"""

import argparse
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import numpy as np
import psutil
from streamlit.proto.Alert_pb2 import Alert
from support.measuring import CHECKOUT, MIB, machine
from support.serving import start
from support.signed_in import SERVED_BY, SERVERS, behind_nginx
from support.signing_in import sign_in
from support.visitor import Visitor

from brainseg.cohort import Cohort
from brainseg.reviews import AGREE, NEEDS_EDIT, REJECT, open_reviews

PAGES = ("", "worklist", "browser", "dataset", "similar", "checks", "training", "evaluation")
VERDICTS = (AGREE, NEEDS_EDIT, REJECT)
WAIT_S = 60.0
SAMPLE_S = 5.0
MOST_SIGN_INS = 40


class Crowd:
    """The visitors, and what they measured."""

    def __init__(self, address: str, cases: list[str], options: argparse.Namespace) -> None:
        self.address, self.cases, self.options = address, cases, options
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.ended_at: list[float] = []
        self.failures: Counter[str] = Counter()
        self.served_by: Counter[str] = Counter()
        self.reviews: dict[tuple[str, str], str] = {}

    def run(self) -> float:
        """Let all visitors come and go; return the seconds that it took."""
        started = time.monotonic()
        until = started + self.options.seconds
        with ThreadPoolExecutor(self.options.visitors) as threads:
            for one in [threads.submit(self._stay, n, until) for n in range(self.options.visitors)]:
                one.result()
        return time.monotonic() - started

    def _stay(self, number: int, until: float) -> None:
        """Be one visitor, who comes back after a failure."""
        chance, shortest, longest = random.Random(number), *self.options.pause
        time.sleep(chance.uniform(0, longest))
        cookies: dict[str, str] = {}
        while time.monotonic() < until:
            try:
                if self.options.signed_in and not cookies:
                    cookies = self._sign_in(number)
                with Visitor(self.address, WAIT_S, cookies) as visitor:
                    while time.monotonic() < until:
                        page, query = self._next(chance)
                        self._look(visitor, page, query)
                        if self.options.signed_in and page == "case" and chance.random() < 0.5:
                            case = parse_qs(query)["case"][0]
                            self._review(visitor, case, chance.choice(VERDICTS))
                        visitor.rest(
                            min(chance.uniform(shortest, longest), until - time.monotonic())
                        )
            except Exception as error:  # noqa: BLE001  a failure is a figure
                self.failures[type(error).__name__] += 1

    def _sign_in(self, number: int) -> dict[str, str]:
        """Sign in as a reader through the provider; return the cookies of the browser."""
        started = time.monotonic()
        cookies = sign_in(self.address, reader(number))
        self.ended_at.append(time.monotonic())
        self.seconds["sign-in"].append(self.ended_at[-1] - started)
        self.served_by[cookies[SERVED_BY]] += 1
        return cookies

    def _review(self, visitor: Visitor, case: str, verdict: str) -> None:
        """Save a verdict on the mask of the case in the viewer, and see it on the page."""
        signed = re.search(r"Signed in as (\w+) \(reader\)", visitor.text())
        if signed is None:
            raise LookupError("the page does not show that a reader has signed in")
        self.seconds["review"].append(visitor.press(verdict.capitalize()))
        self.ended_at.append(time.monotonic())
        if f"Saved as {signed[1]}: **{verdict}**" not in visitor.text():
            self.failures["review that the page does not show"] += 1
        self.reviews[signed[1], case] = verdict

    def _next(self, chance: random.Random) -> tuple[str, str]:
        """Return the next page and its query: every third is a case, every sixth a prediction."""
        model = "&model=lgg-unet" if self.options.predictions else ""
        case = f"case={chance.choice(self.cases)}"
        pages = [(page, "") for page in PAGES] + [("case", case + model)] * 4
        return chance.choice(pages + [("prediction", case)] * 2 * self.options.predictions)

    def _look(self, visitor: Visitor, page: str, query: str) -> None:
        started = time.monotonic()
        visitor.open(page, query)
        if page in ("case", "prediction"):
            visitor.wait(lambda: payloads(visitor))
            for address in payloads(visitor):
                visitor.get(f"/{address}")
        self.ended_at.append(time.monotonic())
        self.seconds[page or "overview"].append(self.ended_at[-1] - started)
        for element in visitor.elements.values():
            kind = element.WhichOneof("type")
            if kind == "exception" or (kind == "alert" and element.alert.format == Alert.ERROR):
                self.failures[f"error on {page or 'overview'}"] += 1


def payloads(visitor: Visitor) -> list[str]:
    """Return the addresses of what the viewers of a visitor's page fetch: cases and their images."""
    found = [e.bidi_component for e in visitor.elements.values() if e.HasField("bidi_component")]
    data = [json.loads(one.json) for one in found if one.json]
    return [
        one[name] for one in data if "case" in one for name in ("case", "images") if name in one
    ]


def reader(number: int) -> str:
    """Return the name of a visitor who signs in."""
    return f"Reader {number + 1}"


class Meter(Thread):
    """Memory of servers and workers over time, and their processor time."""

    def __init__(self, started: list[int]) -> None:
        super().__init__(daemon=True)
        self.started = [psutil.Process(one) for one in started]
        self.memory: list[tuple[float, float]] = []

    def run(self) -> None:
        """Measure until the process ends."""
        while True:
            with suppress(psutil.Error):
                every = self.processes()
                workers = [one for one in every if "multiprocessing" in " ".join(one.cmdline())]
                servers = [one for one in every if one not in workers]
                self.memory.append((mebibytes(servers), mebibytes(workers)))
            time.sleep(SAMPLE_S)

    def processor_s(self) -> float:
        """Return the processor time of servers and living workers so far."""
        return sum(sum(one.cpu_times()[:2]) for one in self.processes())

    def processes(self) -> list[psutil.Process]:
        """Return what was started, and what that has started."""
        return [one for first in self.started for one in (first, *first.children(recursive=True))]


def mebibytes(processes: list[psutil.Process]) -> float:
    """Return the memory of processes, what they share divided among them."""
    total = 0
    for one in processes:
        with suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total / MIB


def warm_up(address: str, cases: list[str], options: argparse.Namespace) -> None:
    """Open every page of every server until its jobs over the whole cohort are done."""
    with ExitStack() as stay:  # so that each visitor comes to another server
        for cookies in cookies_of_each_server(address, options):
            visitor = stay.enter_context(Visitor(address, WAIT_S, cookies))
            for page in PAGES:
                visitor.open(page)
                visitor.rest(2 if page in ("dataset", "similar", "checks") else 0)
            for page in ("similar", "checks", "dataset"):
                visitor.open(page)
                visitor.rest(15 if page == "similar" else 2)
            visitor.open("prediction" if options.predictions else "case", f"case={cases[0]}")


def cookies_of_each_server(address: str, options: argparse.Namespace) -> list[dict[str, str]]:
    """Return cookies for a visitor of each server; none are needed without sign-in."""
    if not options.signed_in:
        return [{}] * options.servers
    found: dict[str, dict[str, str]] = {}
    for _ in range(MOST_SIGN_INS):  # nginx chooses a server by chance
        cookies = sign_in(address, reader(0))
        found.setdefault(cookies[SERVED_BY], cookies)
        if len(found) == options.servers:
            return list(found.values())
    raise SystemExit(f"{MOST_SIGN_INS} visitors came to {len(found)} of {options.servers} servers.")


def table(crowd: Crowd, took_s: float, meter: Meter, processor_s: float) -> str:
    """Return all figures as Markdown."""
    lines = ["| page | runs | median | 95% | longest |", "|---|---|---|---|---|"]
    for page, seconds in sorted(crowd.seconds.items()):
        median, most = np.percentile(seconds, [50, 95])
        lines.append(
            f"| {page} | {len(seconds)} | {median:.2f} s | {most:.2f} s | {max(seconds):.2f} s |"
        )
    runs = sum(map(len, crowd.seconds.values()))
    failures = ", ".join(f"{count} x {what}" for what, count in crowd.failures.items())
    third = max(1, len(meter.memory) // 3)
    both = [sum(one) for one in meter.memory]
    thirds = [
        max(both[:third]),
        max(both[third : 2 * third] or both),
        max(both[2 * third :] or both),
    ]
    server, workers = max(meter.memory, key=sum)
    parts = np.histogram(crowd.ended_at, 3)[0] / (took_s / 3)
    lines += [
        "",
        f"{runs} page runs, {runs / took_s:.1f} a second ({', '.join(f'{one:.1f}' for one in parts)} in "
        f"each third), {1000 * processor_s / runs:.0f} ms of "
        f"processor time each; failures: {failures or 'none'}.",
        f"Memory: at most {server + workers:.0f} MiB (servers {server:.0f}, workers {workers:.0f}); "
        f"at most {', '.join(f'{one:.0f}' for one in thirds)} MiB in each third.",
    ]
    return "\n".join(lines)


def lost(crowd: Crowd, cohort: Cohort) -> int:
    """Return how many of the visitors' reviews are not in the shared state as they last saved them."""
    table = open_reviews(cohort).table()
    saved = {(row.reader, row.case): row.state for row in table.itertuples()}
    return sum(saved.get(key) != verdict for key, verdict in crowd.reviews.items())


def signed_in_figures(crowd: Crowd, cohort: Cohort, nginx: Meter, processor_s: float) -> str:
    """Return what came of signing in, of reviews and of nginx, as Markdown."""
    divided = " and ".join(str(count) for _, count in crowd.served_by.most_common())
    readers = len({name for name, _ in crowd.reviews})
    return (
        f"Signed in: {divided} on the servers. Reviews: {len(crowd.seconds['review'])}, "
        f"{readers} readers on {len(crowd.reviews)} masks, {lost(crowd, cohort)} of these lost. "
        f"nginx: {1000 * processor_s / len(crowd.ended_at):.1f} ms of processor time each page run, "
        f"{mebibytes(nginx.processes()):.0f} MiB."
    )


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("data")
    parser.add_argument("--visitors", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--pause", type=float, nargs=2, default=(5, 15))
    parser.add_argument("--no-predictions", dest="predictions", action="store_false")
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--signed-in", action="store_true")
    parser.add_argument("--checkout", type=Path, default=CHECKOUT)
    options = parser.parse_args()
    if options.signed_in:
        options.servers = SERVERS
    cohort = Cohort.open(options.data)
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["BRAINSEG_HOME"] = home
        environment = os.environ | {
            "BRAINSEG_DATA": options.data,
            "PYTHONPATH": str(options.checkout),
        }
        app = options.checkout / "dashboard" / "app.py"
        if options.signed_in:
            settings = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            readers = [reader(number) for number in range(options.visitors)]
            place = stack.enter_context(behind_nginx(app, environment, settings, readers))
            address, processes = place.address, place.servers
        else:
            process, address = start(app, environment, options.servers)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes = [process]
        warm_up(address, cohort.cases, options)
        crowd = Crowd(address, cohort.cases, options)
        meter = Meter([one.pid for one in processes])
        front = Meter([place.nginx.pid]) if options.signed_in else None
        meter.start()
        before_s = meter.processor_s(), front.processor_s() if front else 0
        took_s = crowd.run()
        print(
            f"{options.visitors} visitors{' who sign in' * options.signed_in}, "
            f"{options.pause[0]:g} to {options.pause[1]:g} s between clicks, {took_s:.0f} s, "
            f"{len(cohort.cases)} cases, {'with' if options.predictions else 'without'} predictions, "
            f"{options.servers} server(s); {machine()}\n"
        )
        print(table(crowd, took_s, meter, meter.processor_s() - before_s[0]))
        if front:
            print(signed_in_figures(crowd, cohort, front, front.processor_s() - before_s[1]))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
