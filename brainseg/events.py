"""Events of a server, such as a request or a job: a name and a few figures for the handlers of a log.

No event contains the name of a file, a patient's tag, or who asked. Nothing is written unless a handler
is added to :data:`EVENTS`.
"""

import logging

EVENTS = logging.getLogger("brainseg.events")
EVENTS.propagate = False


def emit(event: str, **facts: str | int | float) -> None:
    """Pass an event to the handlers of :data:`EVENTS`, which find its facts in ``record.facts``."""
    EVENTS.info(event, extra={"facts": facts})
