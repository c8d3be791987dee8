"""A product small enough to start in a second: the launcher's tests watch the launcher, not Django.

Same entry points as the real one (manage.py, capacity.wsgi, capacity.celery), real gunicorn, Celery worker and beat.
"""

from __future__ import annotations

from pathlib import Path

_FILES = {
    "manage.py": """
import os, sys, time
role = os.environ.get("CAPACITY_DB_ROLE", "app")
print(sys.argv[1], role, "owner address known" if "DATABASE_OWNER_URL" in os.environ else "")
with open(os.path.join(os.environ["CAPACITY_DATA_DIR"], "steps-run.txt"), "a") as seen:
    seen.write(f"{sys.argv[1]} {role}\\n")
with open(os.path.join(os.environ["CAPACITY_DATA_DIR"], "arguments.txt"), "a") as seen:
    seen.write(" ".join(sys.argv[1:]) + " " + os.environ.get("DEMO_PASSWORD", "") + "\\n")
if sys.argv[1] == "load_demo" and os.path.exists("not-empty"):
    sys.exit(3)
if "--check" in sys.argv and os.path.exists("pending"):
    sys.exit(1)
if os.path.exists(f"fail-{sys.argv[1]}"):
    sys.exit("the reason stands here")
if os.path.exists(f"slow-{sys.argv[1]}"):
    time.sleep(60)
""",
    "requirements.txt": "",
    "static/site.css": "body {}",
    "capacity/__init__.py": "",
    "capacity/wsgi.py": """
import json, os, time
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(30)
    if environ["PATH_INFO"] == "/welcome/":
        start_response("200 OK" if os.path.exists("nobody") else "404 Not Found", [("Content-Type", "text/html")])
        return [b"welcome"]
    answer = {"start": os.environ["CAPACITY_START_TOKEN"], "plan_age_seconds": 1, "pid": os.getppid()}
    answer |= {part: "ok" for part in ("database", "broker", "worker", "what_if", "beat")}
    answer["owner_known"] = "DATABASE_OWNER_URL" in os.environ
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
""",
    "capacity/celery.py": """
import os, time
from celery import Celery
app = Celery("standin", broker=os.environ["CELERY_BROKER_URL"])
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, broker_connection_retry_on_startup=True)

@app.task
def work(path, seconds):
    with open(path, "a") as seen:
        seen.write(f"{os.getpid()}\\n")
    time.sleep(seconds)
""",
}


def make_project(folder: Path) -> Path:
    for name, content in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.lstrip("\n"))
    return folder
