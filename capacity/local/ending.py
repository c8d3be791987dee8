"""What ends a start, or deletes what it left, from another terminal: `make stop` and `make reset`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

from capacity.local.datadir import AlreadyRunning, DataDir
from capacity.local.identities import remove_outside_folder
from capacity.local.options import Options


def stop_running(options: Options, *, seconds: float = 15.0) -> int:
    """`make stop`: ask the launcher of this data folder to end, wait until it has. Returns an exit code."""
    data = DataDir(options.data_dir)
    if not data.path.exists():
        print("Capacity Review does not run here.")
        return 0
    end = time.monotonic() + seconds
    asked: int | None = None
    while time.monotonic() < end:
        try:
            data.lock()
        except AlreadyRunning as running:
            if asked != running.pid and running.pid:
                os.kill(running.pid, signal.SIGTERM)
                asked = running.pid
            time.sleep(0.1)
            continue
        data.unlock()
        print("Stopped." if asked else "Capacity Review does not run here.")
        return 0
    print(f"Process {asked} did not end within {seconds:.0f} s.", file=sys.stderr)
    return 1


def reset_data(options: Options) -> int:
    """`make reset`: delete the data folder of a start that does not run. Returns an exit code."""
    data = DataDir(options.data_dir)
    if not data.path.exists():
        print(f"There is no data in {data.path}.")
        return 0
    # Never delete a folder that only happens to be named in CAPACITY_DATA_DIR.
    if not (data.path / "lock").exists():
        print(f"{data.path} was not made by Capacity Review; nothing deleted.", file=sys.stderr)
        return 1
    try:
        data.lock()
    except AlreadyRunning as running:
        print(f"Capacity Review runs (process {running.pid}); 'make stop' first. Nothing deleted.", file=sys.stderr)
        return 1
    remove_outside_folder(data.path)
    shutil.rmtree(data.path)
    print(f"Deleted {data.path}.")
    return 0
