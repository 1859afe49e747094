"""Names of methods: read, checked, and wrong ones explained."""

from __future__ import annotations

import pytest

from equipoise.errors import InputError, UnknownName
from equipoise.methods import method as contract
from equipoise.methods.debate import Debate
from equipoise.methods.method import parse
from equipoise.methods.single import Single


def test_the_folder_lists_methods_and_nothing_else() -> None:
    assert "method" not in contract.available()
    assert set(contract.available()) >= {
        "single",
        "self_consistency",
        "best_of_n",
        "majority_vote",
        "debate",
        "debate_judge",
        "role_play",
        "mixture_of_agents",
        "tree_of_thoughts",
    }


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("debate", Debate()),
        (" debate ( rounds = 3 ) ", Debate(rounds=3)),
        ("debate(stop_when_agreed=true,rounds=1)", Debate(rounds=1, stop_when_agreed=True)),
        ("debate(stop_when_agreed=False)", Debate()),
        ("single(executor='gpt-4o (mini)')", Single(executor="gpt-4o (mini)")),
        ("single(strategy=None, executor=mini)", Single(executor="mini")),
    ],
)
def test_a_method_is_read_from_its_name(text: str, method: contract.Method) -> None:
    assert parse(text) == method


def test_a_name_holds_only_what_differs_from_the_defaults() -> None:
    assert Debate(rounds=2).name == "debate"
    assert Debate(rounds=4, stop_when_agreed=True).name == "debate(rounds=4,stop_when_agreed=True)"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("debat", UnknownName, "no method 'debat'. Did you mean 'debate'"),
        ("method", UnknownName, "no method 'method'"),
        ("debate(round=3)", UnknownName, "no parameter of debate 'round'. Did you mean 'rounds'"),
        ("debate(rounds=0)", InputError, r"rounds: .*greater than or equal to 1 \(got 0\)"),
        ("debate(rounds=two)", InputError, r"rounds: .*\(got 'two'\)"),
        ("best_of_n(selector=oracle)", InputError, "selector: .*'verifier', 'scorer' or 'judge'"),
        ("debate(3)", InputError, "name=value"),
        ("debate(rounds=)", InputError, "name=value"),
        ("debate(**{'rounds': 3})", InputError, "name=value"),
        ("debate(rounds=open('x'))", InputError, "name=value"),
        ("debate(rounds={[]: 1})", InputError, "name=value"),
        ("debate(rounds=3)+f(x=1)", InputError, "name=value"),
        ("single(executor=gpt-4o)", InputError, "quotes"),
        ("debate rounds=3", InputError, "cannot read method"),
        ("", InputError, "cannot read method"),
    ],
)
def test_a_name_that_cannot_be_used_is_explained(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        parse(text)
