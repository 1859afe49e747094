"""Controls around anchors: the finite grid that a controller chooses its candidates from.

Anchors are controls that a team's author named. Around each lie its decoding settings moved by every combination of
the offsets, rounded to a step; what is illegal by `equipoise.team.control`, or was met before, is left out. At
sampling temperature 0 the nucleus threshold changes nothing, and controls that differ in it alone count as met.

A control's features: one-hot strategy, temperature / 2, top_p, penalty − 1, and whether it is `abstain`; each in
[0, 1]. Source: DICE (arXiv 2606.08068), candidate sets quantised around anchors (`dice.md`, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from pydantic import ValidationError

from equipoise.errors import InputError
from equipoise.team.control import Control


@dataclass(frozen=True, kw_only=True)
class Offsets:
    """How far decoding settings may move from an anchor's.

    Attributes:
        sampling_temperatures: what is added to the temperature.
        top_ps: what is added to the nucleus threshold.
        repetition_penalties: what is added to the penalty.
        step: the grid's; moved settings are rounded to its multiples, > 0.
    """

    sampling_temperatures: tuple[float, ...] = (-0.3, 0.0, 0.3)
    top_ps: tuple[float, ...] = (-0.1, 0.0)
    repetition_penalties: tuple[float, ...] = (0.0, 0.1)
    step: float = 0.05


@dataclass(frozen=True)
class ControlGrid:
    """Distinct controls, the anchors first.

    Attributes:
        controls: what can be proposed, `abstain` aside.
        neighbours: for each anchor the places in `controls` of the points around it; they may be unequally many.
        abstain: whether not to call the executor is a choice, too; its place is after all controls.
    """

    controls: tuple[Control, ...]
    neighbours: tuple[tuple[int, ...], ...]
    abstain: bool = True

    @classmethod
    def around(cls, anchors: Sequence[Control], offsets: Offsets = Offsets(), *, abstain: bool = True) -> ControlGrid:
        """The grid around anchors.

        Raises:
            InputError: no anchors, the same one twice, or a step that is not positive.
        """
        if not anchors or offsets.step <= 0:
            raise InputError(f"a grid needs an anchor and a step above 0; it has {len(anchors)} and {offsets.step:g}.")
        places = {_identity(anchor): place for place, anchor in enumerate(anchors)}
        if len(places) < len(anchors):
            raise InputError(f"two of the anchors {', '.join(map(str, anchors))} are the same control.")
        controls, neighbours = list(anchors), []
        for anchor in anchors:
            own = []
            for point in _moved(anchor, offsets):
                if _identity(point) not in places:
                    places[_identity(point)] = len(controls)
                    own.append(len(controls))
                    controls.append(point)
            neighbours.append(tuple(own))
        return cls(tuple(controls), tuple(neighbours), abstain)

    @property
    def anchors(self) -> int:
        """How many of the controls, from the first, are anchors."""
        return len(self.neighbours)

    @cached_property
    def strategies(self) -> tuple[str, ...]:
        """Names of the prompt strategies, in the order of their features."""
        return tuple(dict.fromkeys(control.strategy for control in self.controls))

    @cached_property
    def choices(self) -> tuple[Control | None, ...]:
        """All controls, then None for `abstain` if it is one."""
        return (*self.controls, None) if self.abstain else self.controls

    @cached_property
    def features(self) -> list[list[float]]:
        """The features of all choices. Shape [choices, strategies + 4]."""
        return [describe(choice, self.strategies) for choice in self.choices]


def describe(control: Control | None, strategies: Sequence[str]) -> list[float]:
    """A control's features, each in [0, 1]; those of `abstain` for None. Shape [strategies + 4]."""
    if control is None:
        return [0.0] * (len(strategies) + 3) + [1.0]
    one_hot = [float(control.strategy == name) for name in strategies]
    return [*one_hot, control.sampling_temperature / 2, control.top_p, control.repetition_penalty - 1, 0.0]


def _moved(anchor: Control, offsets: Offsets) -> list[Control]:
    """The legal points of an anchor, with repetitions."""
    points = []
    for warmer, wider, harder in product(offsets.sampling_temperatures, offsets.top_ps, offsets.repetition_penalties):
        try:
            point = Control(
                strategy=anchor.strategy,
                sampling_temperature=_snapped(anchor.sampling_temperature + warmer, offsets.step),
                top_p=_snapped(anchor.top_p + wider, offsets.step),
                repetition_penalty=_snapped(anchor.repetition_penalty + harder, offsets.step),
            )
        except ValidationError:
            continue  # outside the legal ranges
        points.append(point)
    return points


def _snapped(value: float, step: float) -> float:
    # Rounded once more, so that 14 × 0.05 is 0.7 and equals the 0.7 that a person wrote.
    return round(round(value / step) * step, 9)


def _identity(control: Control) -> tuple[str, float, float, float]:
    top_p = control.top_p if control.sampling_temperature > 0 else 1.0
    return control.strategy, control.sampling_temperature, top_p, control.repetition_penalty
