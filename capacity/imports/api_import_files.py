"""Files sent to the API: read from JSON or a form, imported, and what came of it as an answer.

The work is services.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from django.core.files.uploadedfile import UploadedFile
from rest_framework.request import Request

from capacity.access.api_errors import FieldError, problem, refusal
from capacity.access.idempotency import Answer
from capacity.access.models import User
from capacity.access.viewer import viewer_of
from capacity.imports.api_json import Number
from capacity.imports.changes import Actor
from capacity.imports.services import ImportOutcome, SourceFile, import_files, source_file
from capacity.imports.tabular import Issue

MOST_FILES = 60
LONGEST_SOURCE = 80
LONGEST_NOTE = 500


def sent_files(request: Request) -> tuple[list[SourceFile], dict[str, Any]]:
    """The files and what was asked of them. Raises ApiRefusal."""
    sent = request.data
    if not isinstance(sent, Mapping):
        raise refusal(400, "not_an_object", 'Send {"files": [{"name", "content"}], "source", "note", "dry_run"}.')
    is_form = not isinstance(sent, dict) or request.FILES
    files = _uploaded(request) if is_form else _in_json(sent)
    if not files:
        raise refusal(400, "no_files", "There is no file in the request.", field="files")
    if len(files) > MOST_FILES:
        raise refusal(413, "too_many_files", f"At most {MOST_FILES} files at once.", field="files")
    dry_run = sent.get("dry_run", False)
    if dry_run not in (True, False, "true", "false", "1", "0", ""):
        raise refusal(400, "wrong_type", "Send true or false.", field="dry_run")
    return files, {
        "source": _line(sent, "source", LONGEST_SOURCE) or "api",
        "note": _line(sent, "note", LONGEST_NOTE),
        "dry_run": dry_run in (True, "true", "1"),
    }


def _uploaded(request: Request) -> list[SourceFile]:
    sent = [file for _, files in request.FILES.lists() for file in files]
    return [_source_of(file) for file in sent]


def _source_of(file: UploadedFile) -> SourceFile:
    return source_file(name=str(file.name), content=file.read())


def _in_json(sent: Mapping[str, Any]) -> list[SourceFile]:
    files = sent.get("files")
    if not isinstance(files, list) or not all(
        isinstance(file, dict) and isinstance(file.get("name"), str) and isinstance(file.get("content"), str)
        for file in files
    ):
        raise refusal(400, "wrong_type", 'Send a list of {"name", "content"}.', field="files")
    try:
        return [source_file(name=file["name"][:200], content=file["content"].encode()) for file in files]
    except UnicodeEncodeError:
        raise refusal(400, "bad_text", "A text holds half of a character.", field="files") from None


def _line(sent: Mapping[str, Any], name: str, longest: int) -> str:
    text = sent.get(name, "")
    if not isinstance(text, str) or isinstance(text, Number) or len(text) > longest or not text.isprintable():
        raise refusal(400, "bad_text", f"One line of at most {longest} characters.", field=name)
    return text.strip()


def import_sent(request: Request, files: list[SourceFile], asked: Mapping[str, Any]) -> Answer:
    actor = Actor(
        user=cast(User, request.user),
        viewer=viewer_of(request),
        source=asked["source"],
        note=asked["note"],
        request=request,
    )
    outcome = import_files(files=files, actor=actor, dry_run=asked["dry_run"])
    if outcome.errors:
        return _refused(outcome)
    if outcome.proposal_id is not None and not asked["dry_run"]:
        url = f"/api/v1/proposals/{outcome.proposal_id}/"
        message = "Nothing is changed yet: a second person has to approve this."
        body = {"proposal": outcome.proposal_id, "url": url, "message": message}
        return Answer(status=202, body=body, headers={"Location": url})
    body = {
        "applied": outcome.applied,
        "batch": outcome.batch_id,
        "counts": {name: dict(counts) for name, counts in outcome.counts.items()},
        "warnings": [_issue_json(issue) for issue in outcome.warnings],
    }
    if asked["dry_run"]:
        return Answer(status=200, body=body)
    return Answer(status=201, body=body, headers={"Location": f"/api/v1/imports/{outcome.batch_id}/"})


def _refused(outcome: ImportOutcome) -> Answer:
    status = 403 if any(issue.code == "not_allowed" for issue in outcome.errors) else 422
    body = {**problem(status, []), "batch": outcome.batch_id}
    body["errors"] = [_issue_json(issue) for issue in outcome.errors]
    return Answer(status=status, body=body)


def _issue_json(issue: Issue) -> dict[str, Any]:
    error = FieldError(code=issue.code, message=issue.message, row=issue.row, field=issue.column)
    return {**asdict(error), "file": issue.file}
