"""A LlamaIndex postprocessor that keeps the sentences with an answer: ``Evidence``. It needs ``llama-index-core``."""

from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle
from pydantic import InstanceOf

from qatk.adapters.evidence import find_evidence
from qatk.inference.model import AnsweringModel


class Evidence(BaseNodePostprocessor):
    """Keeps of each node the sentences with an answer, and leaves out nodes without one.

    A node keeps its id, its metadata and its document, so that what is made of it can be cited.

    Attributes:
        model: that answers, as :func:`qatk.load_model` returns it.
        top_k: how many spans of a node may each mark a sentence.
        at_least: the least probability of such a span.
        language: of the texts, by whose rules sentences are divided.
    """

    model: InstanceOf[AnsweringModel]
    top_k: int = 3
    at_least: float = 0.05
    language: str = "en"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: "QueryBundle | None" = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            return nodes
        texts = [node.node.get_content() for node in nodes]
        asked, top_k, at_least = query_bundle.query_str, self.top_k, self.at_least
        found = find_evidence(self.model, asked, texts, top_k=top_k, at_least=at_least, language=self.language)
        return [
            NodeWithScore(node=_cut(node.node, evidence.text), score=evidence.score)
            for node, evidence in zip(nodes, found, strict=True)
            if evidence is not None
        ]


def _cut(node: BaseNode, text: str) -> BaseNode:
    """The node with another text."""
    cut = node.model_copy()
    cut.set_content(text)
    return cut
