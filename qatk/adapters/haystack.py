"""A Haystack component that reads answers from documents: ``Reader``. It needs ``haystack-ai``."""

from haystack import Document, ExtractedAnswer, component

from qatk.inference.model import AnsweringModel, load_model


@component
class Reader:
    """Reads answers from documents, in the place of Haystack's ``ExtractiveReader``.

    A score is the probability of a span among the spans and "no answer" of its document. A document in which "no
    answer" is likelier than every span still gives its spans; their scores are low.

    Args:
        model: what :func:`qatk.load_model` takes; it is loaded by ``warm_up`` or the first call.
        device: as there.
        top_k: the number of answers where a call names none.
    """

    def __init__(self, model: str, device: str | None = None, top_k: int = 20) -> None:
        self.model, self.device, self.top_k = model, device, top_k
        self._loaded: AnsweringModel | None = None

    def warm_up(self) -> None:
        """Load the model."""
        self._loaded = self._loaded or load_model(self.model, device=self.device)

    @component.output_types(answers=list[ExtractedAnswer])
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> dict[str, list[ExtractedAnswer]]:
        """The best spans over all documents, best first."""
        self.warm_up()
        assert self._loaded is not None
        number = self.top_k if top_k is None else top_k
        asked = [document for document in documents if document.content and document.content.strip()]
        replies = self._loaded.answers([query] * len(asked), [d.content for d in asked], top_k=number)
        answers = [
            ExtractedAnswer(
                query=query,
                data=span.text,
                score=span.probability,
                document=document,
                document_offset=ExtractedAnswer.Span(span.start, span.end),
            )
            for document, reply in zip(asked, replies, strict=True)
            for span in reply.candidates
        ]
        return {"answers": sorted(answers, key=lambda answer: -answer.score)[:number]}
