"""A management command that answers one file with another and needs no table.

What belongs here: reading, refusing and writing as every such command does it: exit 0 with an answer; exit 2 and one
sentence a line on standard error for bad input, with nothing written.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from capacity.lib.garbage import collect_rarely
from capacity.lib.refused_file import RefusedFile
from capacity.lib.whole_file import write_whole

BAD_INPUT = 2
MOST_BYTES = 20 * 1024 * 1024


class FileCommand(BaseCommand):
    """asks, answers: what the files are called in the command's help, upper case. most_bytes: of the file that is read."""

    requires_system_checks: list[Any] = []
    requires_migrations_checks = False
    asks = "FILE.json"
    answers = "ANSWER.json"
    most_bytes = MOST_BYTES

    def read(self, data: bytes) -> Any:
        """What the file says. Raises RefusedFile; ValueError where it is no text."""
        raise NotImplementedError

    def answer(self, asked: Any, **options: Any) -> str:
        """The answer's text. Raises RefusedFile."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar=self.asks, help="the file to answer")
        parser.add_argument("--out", metavar=self.answers, help="where to write the answer (standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        collect_rarely()
        source, out = options.pop("file"), options.pop("out")
        try:
            if out and _is_same_file(Path(source), Path(out)):
                raise RefusedFile([f"{ascii(out)}: is the file to answer; name another one to write to."])
            asked = self.read(self._bytes_of(Path(source)))
            if out and not Path(out).absolute().parent.is_dir():
                raise RefusedFile([f"{ascii(out)}: the folder to write to does not exist."])
        except RefusedFile as error:
            self._refuse(error.sentences)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._refuse([f"{ascii(source)}: cannot be read ({reason})."])
        try:
            text = self.answer(asked, **options)
        except RefusedFile as error:
            self._refuse(error.sentences)
        if not out:
            self.stdout.write(text)
            return
        try:
            write_whole(Path(out), text + "\n")
        except OSError as error:
            self._refuse([f"{ascii(out)}: cannot be written ({error.strerror})."])

    def _bytes_of(self, source: Path) -> bytes:
        """The file, of which no more than the limit is ever in memory. Raises RefusedFile, OSError."""
        with source.open("rb") as file:
            data = file.read(self.most_bytes + 1)
        if len(data) > self.most_bytes:
            raise RefusedFile(
                [f"{ascii(str(source))}: has more than {self.most_bytes:,} bytes, the most that is read."]
            )
        return data

    def _refuse(self, sentences: list[str]) -> NoReturn:
        for sentence in sentences:
            self.stderr.write(sentence)
        raise SystemExit(BAD_INPUT)


def _is_same_file(source: Path, out: Path) -> bool:
    """Whether both name one file, by whatever spelling or link: writing would lose what was asked."""
    try:
        return source.samefile(out)
    except OSError:
        return source.resolve() == out.resolve()
