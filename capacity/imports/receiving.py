"""Receives uploaded files in memory, counted while they arrive: one that is too big is dropped, not written anywhere.

Django's own handlers would put big files on the disk. A request that goes on far beyond all limits is cut off.
"""

from __future__ import annotations

import io
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from capacity.imports.reading import SourceFile
from capacity.imports.tabular import MOST_LOG_BYTES

MOST_REQUEST_BYTES = 256 * 1024 * 1024


class CountingHandler(FileUploadHandler):
    """Keeps each file up to the limit; of a bigger one only its size is known afterwards."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.received = 0
        self.parts: list[bytes] = []
        self.size = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.parts, self.size = [], 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        self.size += len(raw_data)
        if self.received > MOST_REQUEST_BYTES:
            raise StopUpload(connection_reset=True)
        if self.size <= MOST_LOG_BYTES:
            self.parts.append(raw_data)
        else:
            self.parts = []

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        content = io.BytesIO(b"".join(self.parts))
        self.parts = []
        return InMemoryUploadedFile(
            file=content,
            field_name=self.field_name,
            name=str(self.file_name),
            content_type=str(self.content_type),
            size=self.size,
            charset=self.charset,
        )


def receive_in_memory(request: HttpRequest) -> None:
    """Call before anything looks at the request's form."""
    request.upload_handlers = [CountingHandler(request)]


def as_source_file(uploaded: Any) -> SourceFile:
    """The file as the importer reads it, under its own name's last part."""
    name = str(uploaded.name).replace("\\", "/").rsplit("/", 1)[-1]
    content = uploaded.read()
    return SourceFile(name=name, content=content if len(content) == uploaded.size else None, bytes_=uploaded.size)
