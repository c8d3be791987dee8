#!/usr/bin/env python
"""Command line of the project. Commands typed by hand use the running local database (see capacity/settings.py)."""

import os
import sys

from django.core.management import execute_from_command_line

# Only these change the schema or the rights on it; everything else runs under the application's own database role.
OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "grant_app_role", "pgtrigger", "flush"}

# These read files only; nobody's database or secret is needed, so an install that never started can run them.
FILE_COMMANDS = {"solve_problem", "assess_contract"}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacity.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("CAPACITY_DB_ROLE", "owner")
    if len(sys.argv) > 1 and sys.argv[1] in FILE_COMMANDS:
        os.environ.setdefault("SECRET_KEY", "file-commands-sign-nothing-and-need-no-secret")
        os.environ.setdefault("DATABASE_URL", "postgresql://nobody@/none")
        os.environ.setdefault("CELERY_BROKER_URL", "redis+socket:///none")
    execute_from_command_line(sys.argv)
