"""Command line of the one-machine mode: `python -m capacity.local run | stop | backup | restore | …`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from capacity.local.ending import reset_data, stop_running
from capacity.local.identities import LocalModeError
from capacity.local.launcher import Launcher
from capacity.local.options import Options, read_options
from capacity.local.services import run_with_temporary_services
from capacity.local.upkeep import back_up, remove_demo, restore


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m capacity.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (
        ("run", "start everything and watch it until Ctrl-C"),
        ("services", "only the database and the broker, for working on the code"),
        ("stop", "end the start that holds this data folder"),
        ("reset", "delete this data folder; the next start begins anew"),
        ("backup", "dump the database into the data folder"),
        ("restore", "put a backup in the place of what is there"),
        ("remove-demo", "take the demo world out, for good"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--data-dir", type=Path, help="instead of CAPACITY_DATA_DIR")
        if name == "restore":
            command.add_argument("file", type=Path)
        if name == "remove-demo":
            command.add_argument("--yes", action="store_true", help="do it; without this it only says what would go")
    tests = commands.add_parser("test-services", help="run a command with a fresh temporary database and broker")
    tests.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        if arguments.command == "test-services":
            return run_with_temporary_services(_command(arguments.argv))
        options = read_options()
        if arguments.data_dir is not None:
            options = replace(options, data_dir=arguments.data_dir.absolute())
        if arguments.command == "restore":
            return restore(options, arguments.file.absolute())
        if arguments.command == "remove-demo":
            return remove_demo(options, is_sure=arguments.yes)
        return _COMMANDS[arguments.command](options)
    except LocalModeError as error:
        print(error, file=sys.stderr)
        return 1


def _command(argv: list[str]) -> list[str]:
    command = argv[1:] if argv[:1] == ["--"] else argv
    if not command:
        raise LocalModeError("Name the command to run: python -m capacity.local test-services -- pytest tests/local")
    return command


def _run(options: Options) -> int:
    return Launcher(options).run()


def _services(options: Options) -> int:
    return Launcher(options, only_services=True).run()


_COMMANDS = {"run": _run, "services": _services, "stop": stop_running, "reset": reset_data, "backup": back_up}

if __name__ == "__main__":
    sys.exit(main())
