#!/usr/bin/env python
"""Command line of the project. Commands typed by hand use the running local database (see capacity/settings.py)."""

import os
import sys

from django.core.management import execute_from_command_line

# Only these change the schema or the rights on it; everything else runs under the application's own database role.
OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "grant_app_role", "pgtrigger", "flush"}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacity.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("CAPACITY_DB_ROLE", "owner")
    execute_from_command_line(sys.argv)
