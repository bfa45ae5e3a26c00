"""Normalisers, by hand and by what must hold of any text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.errors import PluginError, UsageError
from qatk.evaluation import exact_and_f1, normalisation_of
from qatk.languages import Normalisation
from qatk.plugins.host import PluginHost
from repository import ROOT
from scoring_cases import REFERENCE, examples_of

HOST = PluginHost.discover(environ={})
NAMES = sorted(r.name for r in HOST.components("normaliser") if r.is_built_in)
BY = {name: normalisation_of(name, host=HOST) for name in NAMES}
CASES = [
    ("en", "The U.S. «army»!", "us «army»"),
    ("en-mlqa", "The U.S. «army»!", "us army"),
    ("de", "„Der“ Turm, den die Stadt 1843 baute", "turm stadt 1843 baute"),
    ("de", "Derby eines Dorfes", "derby dorfes"),
    ("es", "¿Los años de un Niño?", "años de niño"),
    ("vi", "Của người Việt, là những nhà", "người việt nhà"),
    ("ar", "الكتاب، في المدينة؟", "كتاب في مدينة"),
    ("ar", "خلال", "خل"),
    ("hi", "यह दिल्ली है।", "यह दिल्ली है"),
    ("zh", "「北京」是iPhone 12的家。", "北 京 是 iphone 12 的 家"),
    ("fr", "L'été d\u2019un homme, les Étés du roi", "été homme étés roi"),
    ("fr", "aujourd'hui l'œuvre de Zola", "aujourdhui œuvre de zola"),
    ("fr", "E\u0301te\u0301", "été"),
    ("it", "Dell'arte un'altra, gli anni; il Po", "arte altra anni po"),
    ("pt", "O Rio d'água, uns anos da vida", "rio água anos da vida"),
    ("nl", "'t Huis van het volk en 'n boek", "huis van volk en boek"),
    ("ja", "東京「とうきょう」１９９１年、ﾄｳｷｮｳ New York", "東 京 と う き ょ う 1991 年 ト ウ キ ョ ウ new york"),
    ("ko", "서울 1394년, Seoul", "서 울 1 3 9 4 년 s e o u l"),
    ("th", "ที่นี่ ABC 24", "ที่ นี่ abc 24"),
    ("ja-sudachi", "東京都庁は New York にある。", "東京 都庁 は new york に ある"),
    ("th-newmm", "นายกรัฐมนตรีเดินทางไป New York", "นายกรัฐมนตรี เดินทาง ไป new york"),
]
PIECES = [
    *(
        "the",
        "a",
        "Der",
        "ein",
        "l'",
        "d\u2019",
        "un'",
        "'t",
        "é",
        "e\u0301",
        "İ",
        "ΟΔΟΣ",
        "ß",
        "ال",
        "الكتاب",
        "của",
        "ﬁ",
    ),
    *(
        "東京",
        "ｱ",
        "か\u3099",
        "ー",
        "한국",
        "\u1112\u1161",
        "ที่",
        "นี่",
        "हिन्दी",
        "१२",
        "abc",
        "24",
        "-",
        ".",
        "«",
        "、",
        "。",
        "$",
        "\0",
    ),
    *(" ", "  ", "\u3000", "\n", ""),
]
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.text(max_size=14))


def form(name: str, text: str) -> str:
    return BY[name].by(name)([text])[0]


@pytest.mark.parametrize(("name", "text", "normal"), CASES, ids=[f"{name}-{text}" for name, text, _ in CASES])
def test_by_hand(name: str, text: str, normal: str) -> None:
    assert form(name, text) == normal


def test_every_normaliser_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_what_holds_of_any_text(name: str, texts: list[str]) -> None:
    forms = [form(name, text) for text in texts]
    assert list(BY[name].by(name)(texts)) == forms
    assert [form(name, each) for each in forms] == forms, "twice is once"
    assert all(each == " ".join(each.split()) for each in forms)
    examples = examples_of([[text] for text in texts])
    for given_texts in (texts, texts[::-1]):
        exact, f1 = exact_and_f1(examples, given_texts, normalisation=BY[name])
        assert ((f1 >= 0) & (f1 <= 1)).all()
        assert (f1[exact == 1] == 1).all(), "an exact match shares all tokens"
        assert set(exact.tolist()) <= {0.0, 1.0}
        if given_texts is texts:
            assert exact.all(), "a text matches itself"


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_en_is_the_official_script(pairs: list[tuple[str, str]]) -> None:
    assert [form("en", text) for text, _ in pairs] == [REFERENCE["normalise"](text) for text, _ in pairs]
    examples, said = examples_of([[gold] for gold, _ in pairs]), [text for _, text in pairs]
    assert np.array_equal(exact_and_f1(examples, said), exact_and_f1(examples, said, normalisation=BY["en"]))


def test_a_missing_library_is_named_with_what_to_install(tmp_path: Path) -> None:
    plugin = tmp_path / "needy.py"
    plugin.write_text(
        "from qatk.api import Component, hookimpl\n"
        "@hookimpl\n"
        "def qatk_normalisers():\n"
        '    return [Component("km-words", "needy:Khmer", summary="Khmer", requires=("khmer_words",))]\n'
    )
    host = PluginHost.discover(files=[str(plugin)], environ={})
    with pytest.raises(PluginError, match=r"needs khmer_words\n  pip install khmer_words"):
        normalisation_of("km-words", host=host)
    with pytest.raises(UsageError, match="no normaliser is called 'km-word'\n  did you mean 'km-words'"):
        normalisation_of("km-word", host=host)


def test_a_third_partys_normaliser_scores_and_answers_for_what_it_gives(tmp_path: Path) -> None:
    plugin = tmp_path / "swedish.py"
    plugin.write_text(
        "from qatk.api import Component, NoOptions, hookimpl\n"
        "class Swedish:\n"
        "    def __init__(self, options): pass\n"
        "    def normalise(self, texts):\n"
        "        return [' '.join(w for w in text.lower().split() if w != 'ett') for text in texts if text != 'lost']\n"
        "@hookimpl\n"
        "def qatk_normalisers():\n"
        '    return [Component("sv", Swedish, NoOptions, "Swedish")]\n'
    )
    host = PluginHost.discover(files=[str(plugin)], environ={})
    by = normalisation_of("sv", host=host)
    assert exact_and_f1(examples_of([["ett hus"]]), ["Hus"], normalisation=by)[0].tolist() == [1]
    with pytest.raises(ValueError, match="0 texts for 1") as caught:
        by.by("sv")(["lost"])
    assert "normaliser 'sv' of plugin swedish" in "".join(getattr(caught.value, "__notes__", [])) + str(caught.value)


def test_without_plugins_there_is_english() -> None:
    with pytest.raises(UsageError, match="no normaliser is called 'de'\n  without plugins there is en"):
        Normalisation("de").by("de")


def test_the_page_lists_every_normaliser() -> None:
    page = (ROOT / "docs" / "how-to" / "languages.md").read_text("utf-8")
    rows = [f"| `{r.name}` | {r.component.summary} |" for r in HOST.components("normaliser") if r.is_built_in]
    assert "| name | what it does |\n|---|---|\n" + "\n".join(rows) + "\n\n" in page
