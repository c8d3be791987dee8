#!/usr/bin/env python
"""Command line of the project. Commands typed by hand use the running local database (see capacity/settings.py)."""

import os
import sys
from importlib import import_module

from django.core.management import execute_from_command_line

# Only these change the schema or the rights on it; everything else runs under the application's own database role.
OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "grant_app_role", "pgtrigger", "flush"}

# These read files only, and where each lives. Nobody's database or secret is needed, so an install that never started
# can run them, and loading the applications and their tables first, half a second, would serve nothing.
FILE_COMMANDS = {"solve_problem": "capacity.allocation", "assess_contract": "contracts"}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacity.settings")
    if name in OWNER_COMMANDS:
        os.environ.setdefault("CAPACITY_DB_ROLE", "owner")
    if name in FILE_COMMANDS:
        os.environ.setdefault("SECRET_KEY", "file-commands-sign-nothing-and-need-no-secret")
        os.environ.setdefault("DATABASE_URL", "postgresql://nobody@/none")
        os.environ.setdefault("CELERY_BROKER_URL", "redis+socket:///none")
        import_module(f"{FILE_COMMANDS[name]}.management.commands.{name}").Command().run_from_argv(sys.argv)
        return
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
