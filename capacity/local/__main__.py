"""Command line of the one-machine mode: `python -m capacity.local run | services | test-services | stop | where`."""

from __future__ import annotations

import argparse
import sys

from capacity.local.identities import LocalModeError
from capacity.local.services import run_with_temporary_services


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m capacity.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tests = commands.add_parser("test-services", help="run a command with a fresh temporary database and broker")
    tests.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    return parser


def main(argv: list[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    try:
        if options.command == "test-services":
            command = [part for index, part in enumerate(options.argv) if not (index == 0 and part == "--")]
            return run_with_temporary_services(command)
    except LocalModeError as error:
        print(error, file=sys.stderr)
        return 1
    return 2


if __name__ == "__main__":
    sys.exit(main())
