"""What waits for a pause: it is called after one, once, and not while things go on."""

from types import SimpleNamespace

from brainseg.jobs import idling
from brainseg.jobs.idling import Idling


def test_the_call_follows_the_last_note_by_the_whole_pause(monkeypatch):
    now, timers, called = [0.0], [], []
    monkeypatch.setattr(idling, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def timer(seconds, look):
        timers.append((now[0] + seconds, look))
        return SimpleNamespace(start=lambda: None)

    monkeypatch.setattr(idling, "Timer", timer)
    waits = Idling(10, lambda: called.append(now[0]))

    def go_on() -> None:
        now[0], look = timers.pop()
        look()

    waits.note()
    now[0] = 4.0
    waits.note()
    assert len(timers) == 1  # one thread waits, however many notes there are
    go_on()
    assert (now[0], called) == (10.0, [])
    go_on()
    assert (called, timers) == ([14.0], [])
    now[0] = 20.0
    waits.note()
    go_on()
    assert called == [14.0, 30.0]
