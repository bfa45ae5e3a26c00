"""A console on which no text of a file or a plugin can drive the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from qatk.errors import visible


class SafeConsole(Console):
    """Shows control characters as escapes, whoever prints; colours and the like are styles, and stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of a renderable. Tables measure before this: what they show is better made visible first."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                text = "\n".join(map(visible, segment.text.split("\n")))
                yield segment if text == segment.text else Segment(text, segment.style)
