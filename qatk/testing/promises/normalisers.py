"""Promises of normalisers: see :class:`qatk.api.Normaliser`."""

from __future__ import annotations

from collections.abc import Sequence

from qatk.plugins.protocols import Normaliser
from qatk.testing.promise import Subject, expect, given, promise

_TEXTS: tuple[tuple[str, Sequence[str]], ...] = (
    ("English", ("The mill of Arlen, built in 1843", "  a   an\tthe ", "U.S. $5.00", "of-the-art")),
    ("German and French", ("Die „Straße“ der Welt", "L'homme d\u2019État", "Cafe\u0301 ÉTÉ")),
    ("scripts without blanks", ("東京都庁は１９９１年に New York、新宿", "ที่กรุงเทพมหานคร 2024", "서울특별시는 1394년")),
    ("scripts from right to left", ("الكتاب في المدينة", "שלום, עולם")),
    ("marks and emoji", ("नमस्ते दुनिया!", "👩‍🔬 İstanbul ΟΔΟΣ", "\u0301\u0e48")),
    ("nothing but punctuation and blanks", ("", " \u3000\n", "!?…«»", "\0")),
)


def _forms(normaliser: Normaliser, texts: Sequence[str]) -> list[str]:
    found = normaliser.normalise(texts)
    listed = isinstance(found, Sequence) and not isinstance(found, str)
    expect(listed, f"normalise returned {type(found).__name__}, not a list of texts")
    expect(len(found) == len(texts), f"{len(found)} forms for {len(texts)} texts")
    expect(all(isinstance(form, str) for form in found), "a form is no text")
    return list(found)


@promise("normalise returns one text for each")
def forms_have_the_right_form(subject: Subject) -> None:
    """In the order of the texts, none for none."""
    for what, texts in (*_TEXTS, ("no texts", ())):
        with given(what):
            _forms(subject.build(), texts)


@promise("a form is tokens separated by single blanks")
def tokens_stand_between_single_blanks(subject: Subject) -> None:
    """F1 counts them."""
    for what, texts in _TEXTS:
        with given(what):
            for text, form in zip(texts, _forms(subject.build(), texts), strict=True):
                expect(form == " ".join(form.split()), f"the form of {text!r} is {form!r}")


@promise("a form is its own form")
def twice_is_once(subject: Subject) -> None:
    """Otherwise it would depend on what was normalised already."""
    for what, texts in _TEXTS:
        with given(what):
            normaliser = subject.build()
            forms = _forms(normaliser, texts)
            for form, again in zip(forms, _forms(normaliser, forms), strict=True):
                expect(form == again, f"{form!r} became {again!r}")


@promise("a form depends on its text alone")
def texts_do_not_touch_each_other(subject: Subject) -> None:
    """Alone, in reverse and by a new normaliser it is the same."""
    for what, texts in _TEXTS:
        with given(what):
            normaliser = subject.build()
            forms = _forms(normaliser, texts)
            alone = [_forms(normaliser, [text])[0] for text in texts]
            backwards = _forms(subject.build(), texts[::-1])[::-1]
            for text, one, *others in zip(texts, forms, alone, backwards, strict=True):
                expect(set(others) == {one}, f"the form of {text!r} is {one!r}, and {others[0]!r} alone")
