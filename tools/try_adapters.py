"""Try the adapters with the real libraries: ``python tools/try_adapters.py``.

It needs what no test needs: ``pip install "qatk[adapters]"``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import qatk
from qatk.inference.model import AnsweringModel

QUESTION, TEXT = "When was the mill of Delft built?", "The mill is old. It was built in 1843 by the guild. It stands."
RECIPE = """
qatk: 1
backbone: {use: tiny, vocab_size: 400, hidden_size: 32, layers: 1, max_length: 64}
featurizer: {use: stride, max_length: 64, doc_stride: 8}
data: {train: {use: facts, questions: 64}, dev: {use: facts, questions: 32, seed: 2}}
trainer: {use: torch, epochs: 1}
reporters: []
"""


def haystack(model: AnsweringModel, name: str) -> None:
    from haystack import Document, Pipeline

    from qatk.adapters.haystack import Reader

    asked = Pipeline()
    asked.add_component("reader", Reader(name, top_k=3))
    asked = Pipeline.loads(asked.dumps(), allowed_modules=["qatk.adapters.haystack"])
    documents = [Document(content=TEXT), Document(content=None), Document(content="The bell was cast in 1655.")]
    answers = asked.run({"reader": {"query": QUESTION, "documents": documents}})["reader"]["answers"]
    assert len(answers) == 3
    assert answers == sorted(answers, key=lambda answer: -answer.score)
    for answer in answers:
        place = answer.document_offset
        assert answer.document.content[place.start : place.end] == answer.data


def langchain(model: AnsweringModel, name: str) -> None:
    from langchain_core.documents import Document

    from qatk.adapters.langchain import Evidence

    documents = [Document(id="d1", page_content=TEXT, metadata={"source": "a"}), Document(page_content=" ")]
    (kept,) = Evidence(model=model, at_least=0.0, top_k=1).compress_documents(documents, QUESTION)
    assert kept.page_content in TEXT
    assert (kept.id, kept.metadata.keys()) == ("d1", {"source", "qatk_score"})


def llama_index(model: AnsweringModel, name: str) -> None:
    from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode

    from qatk.adapters.llama_index import Evidence

    of = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="document")}
    whole = TextNode(id_="n1", text=TEXT, metadata={"source": "a"}, relationships=of)
    nodes = [NodeWithScore(node=whole, score=0.5)]
    (kept,) = Evidence(model=model, at_least=0.0, top_k=1).postprocess_nodes(nodes, query_str=QUESTION)
    assert kept.node.get_content() in TEXT
    assert (kept.node.node_id, kept.node.ref_doc_id, kept.node.metadata) == ("n1", "document", {"source": "a"})
    assert whole.get_content() == TEXT


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "recipe.yaml").write_text(RECIPE)
        qatk.run(folder / "recipe.yaml", out=folder / "run")
        model = qatk.load_model(folder / "run")
        for adapter in (haystack, langchain, llama_index):
            adapter(model, str(folder / "run"))
            sys.stdout.write(f"{adapter.__name__}: as it should be\n")
