"""Messages: what the user reads, and nothing that the terminal obeys."""

from __future__ import annotations

import warnings
from importlib.metadata import version

import pytest

import qatk
from qatk.errors import (
    DataWarning,
    Problem,
    QatkError,
    RecipeError,
    TrainingDiverged,
    UsageError,
    first_line,
    message,
    visible,
    without_secrets,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve, 日本 👩‍👩‍👧 \u00a0", "plain, naïve, 日本 👩‍👩‍👧 \u00a0"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\nb\tc\rd\x85e", r"a\nb\tc\rd\x85e"),
        ("\u202eabc\u2066\u061c\u200f", r"\u202eabc\u2066\u061c\u200f"),
        ("\u2028 \ud800 \x9b", r"\u2028 \ud800 \x9b"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_no_text_can_pretend_to_be_a_message_of_its_own() -> None:
    error = UsageError("no id 'x\nerror: all is well'", where="dev\n.json", fix="look at\x1b[2J it")
    assert str(error) == "dev\\n.json: no id 'x\\nerror: all is well'\n  look at\\x1b[2J it"
    assert str(QatkError("2 ids lack:\n    a\n    b")) == "2 ids lack:\n    a\n    b"
    problems = RecipeError([Problem("a\x07.yaml", 2, 3, "no key 'b\nc'", "did you mean 'b'?"), Problem("x", 1, 1, "y")])
    assert str(problems) == "a\\x07.yaml:2:3: no key 'b\\nc' (did you mean 'b'?)\nx:1:1: y"


def test_a_diverged_training_names_what_every_command_takes() -> None:
    assert "trainer.skip_bad_batches: true" in str(TrainingDiverged(3, float("nan")))


def test_warnings_too() -> None:
    with pytest.warns(DataWarning) as caught:
        warnings.warn(DataWarning("3 ids: \x1b]0;title\x07"), stacklevel=1)
    assert str(caught[0].message) == r"3 ids: \x1b]0;title\x07"


def test_a_message_is_not_endless() -> None:
    assert message("x" * 5000 + " is no name") == f"{'x' * 100}…{'x' * 20} is no name"
    assert len(message("word " * 5000)) < 1000
    assert message("word " * 5000).endswith("(25,000 characters)")


@pytest.mark.parametrize(("said", "first"), [("\n a \nb", "a "), ("a", "a"), (" \n", "ValueError"), ("", "ValueError")])
def test_what_an_exception_says_first_is_its_type_where_it_says_nothing(said: str, first: str) -> None:
    assert first_line(ValueError(said)) == first


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("503 for url 'https://user:hunter2@hub.example/api?a=1'", "503 for url 'https://***@hub.example/api?a=1'"),
        ("http://token@host:8080/x and ftp://a:b@c", "http://***@host:8080/x and ftp://***@c"),
        ("log in with hf_AbCdEfGhIjKlMnOpQrStUvWx", "log in with hf_***"),
        ("https://x/y?token=abc&X-Amz-Signature=f00&b=2", "https://x/y?token=***&X-Amz-Signature=***&b=2"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("authorization:Basic YTpi", "authorization:Basic ***"),
        ("someone@example.org, pad_token=[PAD], hf_hub, basic understanding, a://b/c@d", None),
    ],
)
def test_secrets_are_hidden(text: str, shown: str | None) -> None:
    assert without_secrets(text) == (text if shown is None else shown)
    assert str(QatkError(text)) == (text if shown is None else shown)


def test_the_package_says_what_it_has() -> None:
    assert qatk.__version__ == version("qatk")
    assert {"run", "compare", "load_model", "__version__"} <= set(dir(qatk))
    with pytest.raises(AttributeError, match="module 'qatk' has no attribute 'trian'"):
        getattr(qatk, "trian")  # noqa: B009
