from dataclasses import replace

from qatk.api import Examples
from qatk.testing import PluginHost, check_component


def test_contract() -> None:
    check_component("slicer", "negation")


def test_negations_are_found(qatk_examples: Examples, qatk_host: PluginHost) -> None:
    asked = ["Who did not come?", "Who isn't here?", "Who noticed it?", "Is nobody there?"]
    examples = replace(qatk_examples.take([0, 1, 2, 3]), question=asked)
    masks = qatk_host.build("slicer", "negation").masks(examples)
    assert masks["negation"].tolist() == [True, True, False, True]
