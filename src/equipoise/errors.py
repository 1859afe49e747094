"""Every error a user can meet, in one tree.

    EquipoiseError
    ├── InputError (ValueError)        something the user wrote: a team file, a name, a number
    │   └── UnknownName                a method, task, strategy or executor that does not exist
    ├── RecordingError (ValueError)    a recording that cannot be read
    │   └── NotRecorded (LookupError)  a tuple that was never recorded
    ├── WriteError (OSError)           a file that cannot be written any further, as on a full disk
    ├── ModelCallError (RuntimeError)  an endpoint that did not answer as it should
    ├── EngineError (RuntimeError)     a rollout engine that does not play the adapter in training
    ├── OutOfMemory (MemoryError)      a model, a rollout or an update that does not fit the device
    ├── TrainingError (ArithmeticError) a training run whose numbers are not numbers any more
    └── MissingExtra (ImportError)     an optional dependency that is not installed

Messages say what was asked, what exists and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EquipoiseError(Exception):
    """Base of every error that is meant for the user rather than for a debugger."""


class InputError(EquipoiseError, ValueError):
    """Something the user wrote cannot be used."""


class UnknownName(InputError):
    """A name that does not exist, with the nearest one that does.

    Args:
        what: the kind of thing, such as "method".
        asked: the name that was asked for.
        available: the names that exist.
    """

    def __init__(self, what: str, asked: str, available: Iterable[str]) -> None:
        names = sorted(available)
        near = get_close_matches(asked, names, n=1, cutoff=0.5)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        super().__init__(f"no {what} '{asked}'.{hint} Available: {', '.join(names) or 'none'}.")


class RecordingError(EquipoiseError, ValueError):
    """A recording that is damaged or does not follow the schema; says the line."""


class NotRecorded(RecordingError, LookupError):
    """A call that the recording does not hold; says which one. Replay never guesses."""


class WriteError(EquipoiseError, OSError):
    """A file cannot be written any further; says what of it is safe."""


class ModelCallError(EquipoiseError, RuntimeError):
    """An endpoint failed; names the agent, the model and the cause."""


class EngineError(EquipoiseError, RuntimeError):
    """A rollout engine plays something else than what is trained; says how far apart they are."""


class OutOfMemory(EquipoiseError, MemoryError):
    """The device's memory does not suffice; says for what, and what to lower."""


class TrainingError(EquipoiseError, ArithmeticError):
    """Training cannot go on; says what became infinite, and where the last good state is."""


class MissingExtra(EquipoiseError, ImportError):
    """An optional dependency is absent.

    Args:
        needs: what was asked for, such as "the embedded models".
        extra: the extra of this package that brings it.
    """

    def __init__(self, needs: str, extra: str) -> None:
        super().__init__(f"{needs} need the extra '{extra}'. Install it: pip install 'equipoise[{extra}]'")
