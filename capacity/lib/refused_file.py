"""A file that is refused, with everything that is wrong with it."""

from __future__ import annotations


class RefusedFile(Exception):
    """Bad input. sentences: one a line, each naming the path in the file and what is wrong."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences
