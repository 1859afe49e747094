"""Normal forms from Gambit's strategic-game files (.nfg), both versions.

    NFG 1 R "title" { "Ann" "Bob" } { 2 3 }                payoff version: every agent's payoff at every profile,
    1 1  0 2  0 0  …                                       the first agent's strategy changing fastest

    NFG 1 R "title" { "Ann" "Bob" } { { "u" "d" } { "l" "m" "r" } } "comment"
    { { "win" 1, 2 } { "" 1/3 0.5 } }                      outcome version: a list of outcomes, then the number of
    1 2 0 0 1 1                                            one for every profile, 0 for payoffs of zero

Numbers are whole, decimal or rational. Cost: one pass over the text.

Source: Gambit's manual, "The strategic game (.nfg) file format".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, prod

import numpy as np

from equipoise.errors import InputError
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.reading import Entry

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}]|[^\s{}",]+|\S')
MOST_ENTRIES = 10**8
"""Payoffs beyond which a file is taken to be damaged."""


@dataclass(frozen=True)
class Token:
    """A word of the file.

    Attributes:
        text: as written; "" after the end.
        line: counted from 1.
    """

    text: str
    line: int

    @property
    def is_text(self) -> bool:
        """Whether it is written in quotes."""
        return self.text.startswith('"') and len(self.text) > 1


class _Words:
    """The tokens of a file, read one after another."""

    def __init__(self, text: str) -> None:
        self.tokens: list[Token] = []
        line, last = 1, 0
        for match in TOKEN.finditer(text):
            line += text.count("\n", last, match.start())
            last = match.start()
            # Commas only separate the payoffs of an outcome, and may be left out.
            if match.group() != ",":
                self.tokens.append(Token(match.group(), line))
        self.end = Token("", line + text.count("\n", last))
        self.position = 0

    @property
    def next(self) -> Token:
        """The token that `take` will return."""
        return self.tokens[self.position] if self.position < len(self.tokens) else self.end

    def take(self, *expected: str) -> Token:
        """The next token, which must be one of those expected where any are named."""
        token = self.next
        if expected and token.text not in expected:
            raise _mistake(token, " or ".join(f"'{text}'" for text in expected))
        self.position += 1
        return token

    def text(self, what: str) -> str:
        """The next token, a text in quotes."""
        if not self.next.is_text:
            raise _mistake(self.next, f"{what} in quotes")
        return self.take().text[1:-1]

    def number(self, what: str) -> float:
        """The next token, a finite number."""
        token = self.take()
        above, _, below = token.text.partition("/")
        try:
            value = float(above) / (float(below) if below else 1.0)
        except (ValueError, ZeroDivisionError):
            raise _mistake(token, what) from None
        if not isfinite(value):
            raise _mistake(token, what)
        return value

    def whole(self, what: str, *, least: int, most: int) -> int:
        """The next token, a whole number within bounds."""
        token = self.take()
        # Eighteen digits: longer ones are no count, and int() would take its time.
        number = int(token.text) if re.fullmatch(r"[+-]?[0-9]{1,18}", token.text) else None
        if number is None or not least <= number <= most:
            raise _mistake(token, f"{what}, a whole number from {least} to {most}")
        return number


def read_nfg(text: str) -> Entry:
    """The normal form of a file's text; it names no temperatures.

    Raises:
        InputError: the text is not in the format; says the line, what is there and what should be.
    """
    words = _Words(text)
    words.take("NFG")
    words.take("1")
    words.take("R", "D")
    words.text("the title")
    agents = _texts(words, "an agent's name")
    if not agents:
        raise InputError(f"line {words.next.line}: the file names no agents; it needs at least one.")
    shape, labelled = _shape(words, len(agents))
    if words.next.is_text:
        words.take()
    cells = (_by_outcome if labelled and words.next.text == "{" else _by_profile)(words, shape)
    if words.next.text:
        raise _mistake(words.next, f"the end, after the payoffs of {prod(shape)} profiles")
    tensors = cells.reshape(*reversed(shape), len(agents)).transpose()
    return Entry(NormalForm(list(tensors)), None, "kl")


def _shape(words: _Words, agents: int) -> tuple[tuple[int, ...], bool]:
    """The number of strategies of every agent, and whether they have names."""
    words.take("{")
    counts: list[int] = []
    labelled = words.next.text == "{"
    while words.next.text != "}":
        line = words.next.line
        if labelled:
            counts.append(len(_texts(words, "a strategy's name")))
        else:
            counts.append(words.whole("a number of strategies", least=1, most=MOST_ENTRIES))
        if not counts[-1]:
            raise InputError(f"line {line}: agent {len(counts) - 1} has no strategies; everyone needs one.")
    closing = words.take("}")
    if len(counts) != agents:
        raise InputError(f"line {closing.line}: strategies of {len(counts)} agents; the file names {agents}.")
    if prod(counts) * agents > MOST_ENTRIES:
        raise InputError(f"line {closing.line}: {prod(counts) * agents} payoffs; at most {MOST_ENTRIES} are read.")
    return tuple(counts), labelled


def _by_profile(words: _Words, shape: Sequence[int]) -> np.ndarray:
    """Payoffs of the payoff version. Shape [profiles, agents]."""
    needed = prod(shape) * len(shape)
    numbers = [words.number(f"payoff {index + 1} of {needed}, a number") for index in range(needed)]
    return np.array(numbers).reshape(-1, len(shape))


def _by_outcome(words: _Words, shape: Sequence[int]) -> np.ndarray:
    """Payoffs of the outcome version. Shape [profiles, agents]."""
    words.take("{")
    outcomes = [[0.0] * len(shape)]
    while words.next.text != "}":
        words.take("{")
        words.text("the outcome's name")
        outcomes.append([words.number(f"the payoff of agent {agent}, a number") for agent in range(len(shape))])
        words.take("}")
    words.take("}")
    most = len(outcomes) - 1
    profiles = range(prod(shape))
    return np.array(outcomes)[[words.whole(f"the outcome of profile {k + 1}", least=0, most=most) for k in profiles]]


def _texts(words: _Words, what: str) -> list[str]:
    """Texts in braces."""
    words.take("{")
    found: list[str] = []
    while words.next.text != "}":
        found.append(words.text(what))
    words.take("}")
    return found


def _mistake(token: Token, expected: str) -> InputError:
    found = f"'{token.text[:40]}'" if token.text else "the file ends"
    return InputError(f"line {token.line}: {found} where {expected} should be. See Gambit's format of .nfg files.")
