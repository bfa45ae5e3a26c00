import pytest

from qatk.plugins.host import PluginHost
from qatk.testing import check_component
from qatk.testing.inputs.decoding import TEXT, Window, problem, words_of


@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_contract(penalty: float) -> None:
    check_component("decoder", "short", {"penalty": penalty})


def test_long_answers_have_to_be_worth_it() -> None:
    window = Window(0, words_of(TEXT), [0, 2, 0, 0, 0], [0, 1.9, 2, 0, 0], null=-9.0)
    given = problem("two good ends", [TEXT], [window])
    arguments = given.examples, given.features, given.scores
    host = PluginHost.discover()
    assert host.build("decoder", "short", {"penalty": 0.0}).decode(*arguments).text == ["wrote it"]
    assert host.build("decoder", "short", {"penalty": 0.5}).decode(*arguments).text == ["wrote"]
