from __future__ import annotations

import copy
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.controlling import ControlRules
from equipoise.learning.prompt_control import train
from equipoise.learning.prompt_control_settings import PromptControlSettings, Replay
from equipoise.reports.policy_numbers import checklist, rows, verdict
from equipoise.reports.policy_page import page, summary

NASTY = "</td><script>alert(1)</script><img src=x onerror=alert(2)>|$a_b$"


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is told of the policy of a team with a hostile name, at two states."""
    rng = np.random.default_rng(0)
    right = rng.random((90, 3)) < [0.85, 0.6, 0.7]
    answers = np.where(right, 0, rng.integers(1, 4, right.shape)).astype(np.int16)
    ballots = Ballots(
        columns=("ann|cot", f"{NASTY}|direct", "bob|cot"),
        questions=np.array([f"question {i}" * (1 + i % 2) for i in range(90)], dtype=object),
        answers=answers,
        cost=np.tile([40.0, 5.0, 20.0], (90, 1)),
        correct=answers == 0,
        checks=None,
        asked=np.ones(answers.shape, dtype=bool),
    )
    data = {"name": NASTY, "sha256": "ab" * 32, "task": NASTY}
    replay = Replay(ballots=ballots, ids=tuple(map(str, range(90))), data=data, notices=(NASTY,))
    settings = PromptControlSettings(rules=ControlRules(states=2), price=0.001, samples=3)
    return train(replay, settings, tmp_path_factory.mktemp("policy") / "p")


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_nothing_of_a_team_becomes_markup_and_nothing_is_fetched(learned, elements):
    seen = elements(page(learned, name=NASTY)).seen
    assert not [tag for tag, _ in seen if tag in ("script", "img", "iframe", "link", "form")]
    loads = [value for _, attrs in seen for name, value in attrs.items() if name in ("src", "href", "xlink:href")]
    assert all(value.startswith("#") for value in loads)
    policy = next(attrs["content"] for tag, attrs in seen if tag == "meta" and "http-equiv" in attrs)
    assert "script-src 'none'" in policy and "default-src 'none'" in policy


def test_the_page_holds_every_diagnostic_by_state_and_the_checklist(learned):
    html = page(learned, name="p")
    text = text_of(html)
    for what, cells, read in rows(learned):
        assert len(cells) == 2 and all(cell in text for cell in (what, read))
    assert {"margin μ", "coupling L_c", "τ / L_c", "ABR", "oscillation", "drift", "regret an update"} <= {
        what for what, _, _ in rows(learned)
    }
    assert [what for what, _, _ in checklist(learned)] == [
        "perturbation",
        "executors' pass@1",
        "information asymmetry",
        "cost",
        "stop belief",
    ]
    assert html.count('role="img"') == 2 and "state 2" in text and "90 questions of" in text
    assert "plain vote of all" in text and "How it came about" in text


def test_the_numbers_are_those_that_were_told(learned):
    state = learned["diagnosis"]["states"][0]
    told = {what: cells[0] for what, cells, _ in rows(learned)}
    assert told["coupling L_c"] == f"{state['margin']['coupling']:.4f}, exact"
    lost = 100 * (state["reward_best"] - state["reward_mode"])
    assert told["welfare that τ costs"].startswith(f"{lost:.2f} points, ")
    assert told["regret an update"].split(", ")[2] == f"{state['motion']['price']:.4f}"
    ece = learned["held_out"]["calibration"]["ece"]["mean"]
    assert f"ECE {100 * ece:.1f} points" in checklist(learned)[-1][1]
    assert f"{100 * learned['held_out']['vote']['accuracy']['mean']:.1f} ± " in " ".join(summary(learned))


@pytest.mark.parametrize(
    ("finding", "proofs", "said"),
    [
        ("certified", ["paper_margin"], "certified: below every temperature, so there is one equilibrium"),
        ("refuted", [], "not certified: coupling is above the coldest temperature."),
        ("refuted", ["small_gain"], "that there is one equilibrium is proved by small_gain"),
        ("inconclusive", [], "undecided"),
    ],
)
def test_the_verdict_says_what_is_proved_and_no_more(learned, finding, proofs, said):
    told = copy.deepcopy(learned)
    told["diagnosis"]["finding"] = finding
    for state in told["diagnosis"]["states"]:
        state["margin"]["certified_by"] = proofs
    assert said in verdict(told)
    told["diagnosis"]["states"][1]["margin"]["certified_by"] = []
    assert "is proved by" not in verdict(told)
    told["diagnosis"]["settled"] = False
    assert "has not settled" in verdict(told)


def test_what_is_unknown_is_left_out(learned):
    told = learned | {"diagnosis": None, "equilibrium": None, "held_out": None, "course": []}
    html = page(told, name="p")
    assert "Nothing is said of an equilibrium" in html and 'role="img"' not in html
    assert rows(told) == [] == checklist(told)
    assert "Before it is deployed" not in html and "Whom it calls" in html
    assert summary(told)[0] == NASTY


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1400, False)])
def test_a_browser_fits_it_in_its_width(learned, browse: Callable[..., Any], fit: str, width, dark):
    seen = browse(page(learned, name="p"), fit, width=width, dark=dark)
    assert seen.found == {"overflow": 0, "shown": 2, "fetched": 0}
