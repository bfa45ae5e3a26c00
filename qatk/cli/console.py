"""A console on which no text of a file or a plugin can drive the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import ControlType, Segment
from rich.text import Text

from qatk.errors import visible

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""Letters that are written from right to left: Hebrew, Arabic, Syriac, Thaana, N'Ko, Adlam ..."""
_BEGIN, _END = (Segment(char, None, [(ControlType.HOME,)]) for char in "\u2068\u2069")
"""What isolates a text's direction from the text around it; as control it has no width, and only a terminal gets it."""


class SafeConsole(Console):
    """Shows control characters as escapes, whoever prints; colours and the like are styles, and stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of a renderable. Tables measure before this: what they show is better made visible first."""
        segments = super().render(renderable, options)
        if self.is_terminal and isinstance(renderable, Text) and _RIGHT_TO_LEFT.search(renderable.plain):
            segments = _isolated(segments)
        for segment in segments:
            if segment.control:
                yield segment
            else:
                text = "\n".join(map(visible, segment.text.split("\n")))
                yield segment if text == segment.text else Segment(text, segment.style)


def _isolated(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Lines of a text, each isolated: a terminal orders it by itself, and leaves alone what stands beside it."""
    for line, ended in Segment.split_lines_terminator(segments):
        *pieces, last = [piece for piece in line if piece.text] or [Segment("")]
        said = last.text.rstrip()
        blank = Segment(last.text[len(said) :], last.style)
        yield from (_BEGIN, *pieces, Segment(said, last.style), _END, *([blank] if blank.text else []))
        if ended:
            yield Segment.line()
