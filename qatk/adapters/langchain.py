"""A LangChain compressor that keeps the sentences with an answer: ``Evidence``. It needs ``langchain-core``."""

from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import InstanceOf

from qatk.adapters.evidence import find_evidence
from qatk.inference.model import AnsweringModel


class Evidence(BaseDocumentCompressor):
    """Keeps of each document the sentences with an answer, and leaves out documents without one.

    Attributes:
        model: that answers, as :func:`qatk.load_model` returns it.
        top_k: how many spans of a document may each mark a sentence.
        at_least: the least probability of such a span.
        language: of the texts, by whose rules sentences are divided.
    """

    model: InstanceOf[AnsweringModel]
    top_k: int = 3
    at_least: float = 0.05
    language: str = "en"

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: "Callbacks | None" = None
    ) -> Sequence[Document]:
        """The documents with an answer, cut to its sentences; ``qatk_score`` in their metadata is its probability."""
        texts = [document.page_content for document in documents]
        found = find_evidence(
            self.model, query, texts, top_k=self.top_k, at_least=self.at_least, language=self.language
        )
        return [
            Document(
                id=document.id,
                page_content=evidence.text,
                metadata={**document.metadata, "qatk_score": evidence.score},
            )
            for document, evidence in zip(documents, found, strict=True)
            if evidence is not None
        ]
