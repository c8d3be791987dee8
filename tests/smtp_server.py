"""A mail server that really listens, on a port of this machine, and misbehaves as a test tells it.

Enough of the protocol for a sender: EHLO, MAIL, RCPT, DATA, RSET, QUIT, one thread a connection.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mails. `says`: reply to a command (or GREETING, END of data) instead of the usual; "" hangs up, None is silent."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.says: dict[str, str | None] = {}
        # What came whole, whatever was answered to it.
        self.arrived: list[bytes] = []
        self.taken: list[Message] = []
        self.stop_waiting = threading.Event()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        if not self._answer("GREETING", "220 here"):
            return
        for line in self.rfile:
            command = line.decode("ascii", "replace").strip().partition(" ")[0].upper()
            if command == "QUIT":
                self._answer("QUIT", "221 bye")
                return
            is_data = command == "DATA"
            if not self._answer(command, "354 go on" if is_data else "250 fine"):
                return
            if is_data and command not in self.server.says and not self._data():
                return

    def _data(self) -> bool:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        content = b"".join(lines)
        self.server.arrived.append(content)
        taken = self.server.says.get("END", "250 taken")
        if taken is not None and taken.startswith("250"):
            self.server.taken.append(message_from_bytes(content))
        return self._answer("END", "250 taken")

    def _answer(self, command: str, usual: str) -> bool:
        """Whether the conversation goes on."""
        text = self.server.says.get(command, usual)
        if text is None:
            self.server.stop_waiting.wait(20)
            return False
        if not text:
            self.request.shutdown(socket.SHUT_RDWR)
            return False
        self.wfile.write(text.encode() + b"\r\n")
        return True


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server that listens until the end."""
    with MailServer() as server:
        thread: Any = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.stop_waiting.set()
            server.shutdown()
            thread.join()
