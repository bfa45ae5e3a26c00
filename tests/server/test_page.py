"""The page in a real Chromium: asked, read, shared, by mouse, by keys and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from page_tools import CONTRAST, Seen, find_chromium, launched, until
from serving import QUESTION, TEXT, TOKEN, Server, send

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium was found: install one, or name it in QATK_CHROMIUM, to test the page in it"
)
HOSTILE = (
    "</script><img src=x onerror='window.hacked=1'>&amp;<mark>\u2028 \U0001f98a\U0001f98a The mill was built in 1843."
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launched()


@contextmanager
def opened(browser: Any, server: Server, fragment: str = "", *, quiet: bool = True, **options: Any) -> Iterator[Any]:
    """The page, ready; it must ask its own server alone, and have nothing to complain of."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    seen = Seen.of(page)
    page.goto(f"{server.url}/{fragment}")
    page.wait_for_selector("html[data-ready]")
    yield page
    assert seen.messages == [] or not quiet
    assert all(url.startswith((server.url, "data:")) for url in seen.requests)
    context.close()


def ask(page: Any, text: str = TEXT, question: str = QUESTION) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Enter")
    until(page, "document.querySelector('#status').textContent.includes(' in ')")


def marks(page: Any, card: int, kind: str = "answer") -> list[str]:
    return list(page.locator(".card").nth(card).locator(f"mark.{kind}").all_inner_texts())


def test_models_answer_side_by_side_in_the_text(browser: Any, server: Server) -> None:
    with opened(browser, server) as page:
        ask(page)
        plain, pair = (
            send(server.url, body={"question": QUESTION, "context": TEXT, "model": model}).json
            for model in ("plain", "pair")
        )
        cards = page.locator(".card")
        assert cards.locator("h2").all_inner_texts() == ["plain", "pair"]
        left, right = (cards.nth(k).bounding_box() for k in (0, 1))
        assert left["y"] == right["y"]
        assert left["x"] + left["width"] < right["x"]
        assert [span["text"] for span in pair["spans"]] == marks(page, 1)
        assert len(marks(page, 1)) == 2
        assert cards.nth(1).locator("ol.said li").all_inner_texts() == marks(page, 1)
        assert marks(page, 0) == [span["text"] for span in plain["spans"]]
        assert (plain["answer"] or "No answer in this text") in cards.nth(0).inner_text()
        assert f"confidence {100 * pair['probability']:.0f} %" in cards.nth(1).inner_text()
        assert (
            "Promised: at most 5 % of the answers are wrong, on data like dev (confidence 90 %)"
            in cards.nth(1).inner_text()
        )
        assert "Promised" not in cards.nth(0).inner_text()
        assert page.locator(".context").nth(0).inner_text() == TEXT
        other = cards.nth(0).locator(".others button").first
        other.click()
        told = plain["candidates"][0] if not plain["spans"] else plain["candidates"][1]
        assert "".join(marks(page, 0, "told")) == told["text"]
        other.click()
        assert marks(page, 0, "told") == []
        page.get_by_label("plain", exact=True).uncheck()
        page.get_by_label("Alternatives").select_option("1")
        ask(page)
        until(page, "document.querySelectorAll('.card').length === 1")


def test_a_link_holds_everything(browser: Any, server: Server) -> None:
    text = f"{TEXT} \U0001f98a 🏳️‍🌈 ünï & # % +"
    with opened(browser, server) as page:
        page.get_by_label("plain", exact=True).uncheck()
        page.get_by_label("Alternatives").select_option("3")
        ask(page, text)
        until(page, "location.hash.length > 10")
        address, shown = page.evaluate("location.hash"), marks(page, 0)
    with opened(browser, server, address) as page:
        until(page, "document.querySelectorAll('.card').length === 1")
        assert page.get_by_label("Text", exact=True).input_value() == text
        assert page.get_by_label("Question").input_value() == QUESTION
        assert page.get_by_label("Alternatives").input_value() == "3"
        assert marks(page, 0) == shown
        page.evaluate("location.hash = '#q=a&t=damaged'")
        until(page, "document.querySelector('#trouble').textContent === 'The link is damaged.'")


def test_the_models_of_a_link_are_asked_where_they_are_learnt_late(browser: Any, server: Server) -> None:
    """As on a server with a token that this tab does not have yet; and none is asked where none is chosen."""
    refused: list[str] = []

    def lock(route: Any) -> None:
        if refused:
            return route.continue_()
        refused.append(route.request.url)
        return route.fulfill(status=401, json={"error": "no token"})

    with opened(browser, server, quiet=False) as page:  # the browser itself notes the 401
        page.get_by_label("plain", exact=True).uncheck()
        ask(page)
        until(page, "location.hash.length > 10")
        page.route("**/models", lock)
        page.reload()
        until(page, "document.querySelectorAll('.card').length > 0")
        assert refused
        assert page.locator(".card h2").all_inner_texts() in ([], ["pair"])
        assert page.locator(".card").count() == 1
        assert not page.get_by_label("plain", exact=True).is_checked()
        page.get_by_label("pair", exact=True).uncheck()
        page.get_by_label("Question").press("Enter")
        until(page, "document.querySelector('#trouble').textContent === 'Choose a model.'")


def test_keys_are_enough(browser: Any, server: Server) -> None:
    with opened(browser, server) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.get_by_label("Text", exact=True).focus()
        page.keyboard.type(TEXT)
        page.get_by_label("Question").fill(QUESTION)
        page.get_by_label("Text", exact=True).press("Control+Enter")
        until(page, "document.querySelectorAll('.card').length === 2")
        page.locator(".others button").first.focus()
        page.keyboard.press("Enter")
        assert "".join(marks(page, 0, "told"))


def test_files_are_opened_or_refused(browser: Any, server: Server) -> None:
    with opened(browser, server) as page:

        def upload(name: str, data: bytes) -> str:
            page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": data})
            page.wait_for_timeout(300)
            return str(page.locator("#trouble").inner_text())

        assert upload("mill.txt", f"\ufeff{TEXT} \U0001f98a".encode()) == ""
        assert page.get_by_label("Text", exact=True).input_value() == f"{TEXT} \U0001f98a"
        assert "characters" in page.locator("#size").inner_text()
        for name, data in (("latin.txt", "Mühle".encode("latin-1")), ("b.bin", bytes(range(256))), ("z.txt", b"a\0b")):
            assert upload(name, data) == f"{name} is no text in UTF-8."
        assert (
            upload("huge.txt", b"a" * 4_000_001)
            == "huge.txt is too large: this server reads up to 1,000,000 characters."
        )
        assert page.get_by_label("Text", exact=True).input_value() == f"{TEXT} \U0001f98a"


def test_what_cannot_be_asked_is_said(browser: Any, strict: Server) -> None:
    with opened(browser, strict, quiet=False) as page:  # the browser itself notes the 401
        page.get_by_label("Token of this server").fill(TOKEN)
        for text, question, said in (
            (" ", QUESTION, "There is no text: paste one, or open a file."),
            (TEXT, "", "There is no question."),
            ("c" * 2001, QUESTION, "The text is too long: this server reads up to 2,000 characters."),
        ):
            page.get_by_label("Text", exact=True).fill(text)
            page.get_by_label("Question").fill(question)
            page.get_by_role("button", name="Ask").click()
            until(page, f"document.querySelector('#trouble').textContent === {said!r}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_on_a_phone_in_light_and_dark(browser: Any, server: Server, scheme: str) -> None:
    with opened(browser, server, color_scheme=scheme, viewport={"width": 360, "height": 740}) as page:
        ask(page, f"{TEXT} {'long' * 100}")
        until(page, "document.querySelector('#answers').getBoundingClientRect().top < 20")  # below the form else
        page.locator(".others button").first.click()
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        page.goto(f"{server.url}/docs")
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_markup_in_texts_does_nothing(browser: Any, server: Server) -> None:
    question = "Who <b>built</b>?"
    with opened(browser, server) as page:
        ask(page, HOSTILE, question)
        assert page.locator(".context").nth(1).text_content() == HOSTILE
        pair = send(server.url, body={"question": question, "context": HOSTILE, "model": "pair"}).json
        assert [span["text"] for span in pair["spans"]] == list(
            page.locator(".card").nth(1).locator("mark.answer").all_text_contents()
        )
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0


def test_a_server_with_a_token_asks_for_it(browser: Any, strict: Server) -> None:
    with opened(browser, strict, quiet=False) as page:  # the browser itself notes each 401
        until(page, "!document.querySelector('#locked').hidden")
        assert page.locator("#trouble").inner_text() == "This server needs its token."
        page.get_by_label("Token of this server").fill("wrong")
        page.get_by_role("button", name="Ask").click()
        until(page, "document.querySelector('#trouble').textContent === 'This is not the token of this server.'")
        page.get_by_label("Token of this server").fill(TOKEN)
        ask(page)
        assert page.locator(".card").count() == 1
        page.reload()
        page.wait_for_selector("html[data-ready]")
        assert page.locator("#locked").is_hidden()


def test_an_answer_that_is_not_sure_enough_is_told_from_none(browser: Any, server: Server) -> None:
    """Where an error rate was promised, or a threshold set: the likeliest span has 84 %, and more is asked."""
    with opened(browser, server) as page:

        def withhold(route: Any) -> None:
            answer = route.fetch().json()
            kept = [{**answer["candidates"][0], "probability": 0.84}]
            none = {"answer": "", "start": -1, "end": -1, "probability": 0.01, "no_answer_probability": 0.01}
            route.fulfill(json={**answer, **none, "spans": [], "candidates": kept})

        page.route("**/answer", withhold)
        ask(page)
        said = page.locator(".card").nth(0).inner_text()
        assert [part in said for part in ("No answer that is sure enough", "at best 84 %", "no answer 1 %")] == [
            True
        ] * 3
        assert "confidence" not in said


def test_a_server_that_is_gone_is_said_once_and_a_model_that_fails_by_its_name(browser: Any, server: Server) -> None:
    with opened(browser, server, quiet=False) as page:
        gone, other = "The server does not answer. Does it still run?", "What came back is not from qatk (status 502)."
        ask(page)
        page.route("**/answer", lambda route: route.abort())
        page.get_by_role("button", name="Ask").click()
        until(page, f"document.querySelector('#trouble').textContent === {gone!r}")
        page.unroute("**/answer")
        answering = {
            "plain": lambda route: route.continue_(),
            "pair": lambda route: route.fulfill(status=502, body="<"),
        }
        page.route("**/answer", lambda route: answering[route.request.post_data_json["model"]](route))
        page.get_by_role("button", name="Ask").click()
        until(page, f"document.querySelector('#trouble').textContent === 'pair: {other}'")
        assert page.locator(".card h2").all_inner_texts() == ["plain"]
