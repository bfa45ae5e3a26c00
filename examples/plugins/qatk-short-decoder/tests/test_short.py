import numpy as np
import pytest

from qatk.api import Examples, Features, SpanScores
from qatk.testing import PluginHost, check_component


@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_contract(penalty: float) -> None:
    check_component("decoder", "short", {"penalty": penalty})


def test_long_answers_have_to_be_worth_it(qatk_host: PluginHost) -> None:
    examples = Examples.from_rows([{"id": "a", "question": "What did she do?", "context": "Ada wrote it in 1843."}])
    features = Features(  # one window: the "no answer" token, and the words of the context
        example_index=np.zeros(1, np.int32),
        token_offsets=np.array([0, 6]),
        input_ids=np.arange(6, dtype=np.int32),
        type_ids=np.zeros(6, np.int8),
        char_start=np.array([-1, 0, 4, 10, 13, 16], np.int32),
        char_end=np.array([-1, 3, 9, 12, 15, 21], np.int32),
        null_index=np.zeros(1, np.int32),
    )
    start, end = np.array([[-9, 0, 2, 0, 0, 0], [-9, 0, 1.9, 2, 0, 0]], np.float32)
    arguments = examples, features, SpanScores(np.array([-9], np.float32), start, end)
    assert qatk_host.build("decoder", "short", {"penalty": 0.0}).decode(*arguments).text == ["wrote it"]
    assert qatk_host.build("decoder", "short", {"penalty": 0.5}).decode(*arguments).text == ["wrote"]
