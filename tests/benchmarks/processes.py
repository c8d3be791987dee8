"""A measured process of its own: seconds, peak memory, how it ended. Nothing else runs beside it.

What belongs here: starting, waiting with a limit, and reading what the system says about a finished process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
# ru_maxrss is in kB, on macOS in bytes.
BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """Of the whole process: seconds of the wall clock, seconds of a processor, peak memory. code None: stopped at the limit."""

    seconds: float
    processor: float
    megabytes: float
    code: int | None
    output: str
    complaint: str


def run_python(arguments: Sequence[str], *, limit: float) -> Ended:
    """Runs this Python with the arguments in the project's folder, and stops it after `limit` seconds."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], cwd=PROJECT, stdout=out, stderr=err)
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            os.kill(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit, stop)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        timer.cancel()
        # The process is already waited for; Popen must not wait again.
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Ended(
            seconds=seconds,
            processor=usage.ru_utime + usage.ru_stime,
            megabytes=usage.ru_maxrss * BYTES_OF_MAXRSS / 2**20,
            code=None if stopped.is_set() else process.returncode,
            output=out.read(),
            complaint=err.read(),
        )
