#!/usr/bin/env python
"""Command line of the project. Commands typed by hand use the running local database (see capacity/settings.py)."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacity.settings")
    execute_from_command_line(sys.argv)
