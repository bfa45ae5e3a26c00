"""YAML with positions, and PyYAML's traps."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qatk.errors import RecipeError
from qatk.recipes.document import assign, assigned, parse, scalar
from qatk.recipes.recipe import to_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-5", 3e-5),
        ("1e5", 1e5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("012", "012"),
        ("1:30", "1:30"),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("-7", -7),
        ("0", 0),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".inf", float("inf")),
        ("2026-11-23", "2026-11-23"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)
    assert parse(f"a: {text}", "x").value == {"a": value}


def test_quoted_scalars_are_texts() -> None:
    assert parse("a: '5'\nb: \"true\"", "x").value == {"a": "5", "b": "true"}


def test_positions_of_keys_and_values() -> None:
    marked = parse("a: 1\nb:\n  c: [x, yy]\n", "f.yaml")
    assert marked.keys[("b", "c")] == (3, 3)
    assert marked.values[("b", "c", 1)] == (3, 10)
    assert str(marked.problem(("b", "c", 1), "bad")) == "f.yaml:3:10: bad"
    assert str(marked.problem(("b", "gone"), "bad")) == "f.yaml:3:3: bad"


def test_equal_keys_are_a_problem_that_names_both_lines() -> None:
    marked = parse("a: 1\nb: 2\na: 3\n", "f.yaml")
    assert [str(p) for p in marked.problems] == ["f.yaml:3:1: 'a' is given twice, first in line 1"]
    assert marked.value == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.system [true]", "a: !foo 1"])
def test_tags_are_refused(text: str) -> None:
    assert "tags such as" in str(parse(text, "f").problems[0])


def test_an_alias_that_contains_itself_is_a_problem() -> None:
    assert "contains itself" in str(parse("a: &x [1, *x]", "f").problems[0])


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\tx: 1", "a: *gone", "a: 1\n---\nb: 2"])
def test_syntax_errors_have_a_position(text: str) -> None:
    with pytest.raises(RecipeError, match=r"^f\.yaml:\d+:\d+: not valid YAML"):
        parse(text, "f.yaml")


def test_assign_goes_into_mappings_and_lists() -> None:
    marked = parse("a: {b: 1}\nl: [{use: x}]\n2024: {b: 1}\nempty:\n", "f")
    for setting in ("a.b=2", "a.c=[1, 2.5]", "l.0.use=y", "new.deep=no", "2024.b=2", "empty.7.b=x"):
        assign(marked, setting)
    assert marked.value == {
        "a": {"b": 2, "c": [1, 2.5]},
        "l": [{"use": "y"}],
        "2024": {"b": 2},
        "empty": {"7": {"b": "x"}},
        "new": {"deep": "no"},
    }
    assert str(marked.problem(("a", "b"), "bad")) == "settings='a.b=2': bad"
    assert str(marked.problem(("2024", "b"), "bad")) == "settings='2024.b=2': bad"
    assert str(marked.problem(("l", 0, "use"), "bad")) == "settings='l.0.use=y': bad"


@pytest.mark.parametrize("setting", ["a.b", "=1", "a.b.c=1", "l.7=1", "l.x=1"])
def test_assign_refuses_what_has_no_place(setting: str) -> None:
    with pytest.raises(RecipeError, match=r"^settings='"):
        assign(parse("a: {b: 1}\nl: [1]", "f"), setting)


plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18) + 1, 10**18 - 1), st.floats(allow_nan=False), st.text(max_size=12)
)
key = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@example({"a": "\x85"})
@given(st.dictionaries(key, st.one_of(plain, st.lists(plain, max_size=3))))
def test_what_fill_writes_is_read_back_to_the_same_values(value: dict[str, object]) -> None:
    assert (parse(to_yaml(value), "f").value or {}) == value


def test_long_whole_numbers_are_refused_and_long_texts_of_digits_are_not() -> None:
    digits = "9" * 5000
    assert parse("a: 123456789012345678", "x").problems == []
    for sign in ("", "-", "+"):
        (problem,) = parse(f"a: {sign}{digits}", "x").problems
        assert str(problem) == "x:1:4: a whole number of 5,000 digits (18 at most)"
    for text in (digits, f"-{digits}", "1" * 19):
        assert parse(to_yaml({"a": text}), "x").value == {"a": text}


def test_depth_and_values_are_bounded_however_they_are_written() -> None:
    assert parse("[" * 50 + "]" * 50, "x").problems == []
    for text in ("[" * 51 + "]" * 51, "{a: " * 60 + "1" + "}" * 60, "- " * 60 + "x"):
        with pytest.raises(RecipeError, match="nested deeper than 50 levels"):
            parse(text, "x")
    assert len(parse(f"a: &a [{'x, ' * 90}]\nb: [{'*a, ' * 90}]", "x").value["b"]) == 90
    with pytest.raises(RecipeError, match="more than 10,000 values"):
        parse(f"a: &a [{'x, ' * 100}]\nb: [{'*a, ' * 100}]", "x")


def test_a_setting_is_bounded_and_its_tags_are_refused() -> None:
    for setting, said in (
        (".".join(["a"] * 51) + "=1", "nested deeper"),
        ("a=!!python/name:os.system", "tags such as"),
        ("a=" + "9" * 5000, "a whole number of 5,000 digits"),
        ("a.b=[&x [*x]]", "contains itself"),
    ):
        with pytest.raises(RecipeError, match=said):
            assign(parse("{}", "x"), setting)
    with pytest.raises(RecipeError, match="request='n': should be KEY=VALUE"):
        assigned(["m=1", "n"], "request")
