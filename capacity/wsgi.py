"""The web process's entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacity.settings")
os.environ.setdefault("CAPACITY_PROCESS", "web")

application = get_wsgi_application()
