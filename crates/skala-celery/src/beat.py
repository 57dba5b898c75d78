"""Prints an application's beat schedule as JSON. Run by skala with the application's import path as argument."""
import json
import os
import sys

# What the application prints goes to stderr.
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, os.getcwd())

from celery.app.utils import find_app
from celery.schedules import crontab, schedule, solar

app = find_app(sys.argv[1])
app.loader.import_default_modules()
app.finalize()


def plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "total_seconds"):
        return value.total_seconds()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "name"):  # a Queue or an Exchange
        return str(value.name)
    return {"unsupported": type(value).__name__}


def field(original, expanded, lowest, highest):
    if isinstance(original, str):
        return original
    if isinstance(original, int):
        return str(original)
    values = sorted(expanded)
    return "*" if values == list(range(lowest, highest + 1)) else ",".join(map(str, values))


def when(s):
    if isinstance(s, (int, float)):
        return {"type": "interval", "seconds": float(s)}
    if hasattr(s, "total_seconds"):
        return {"type": "interval", "seconds": s.total_seconds()}
    if isinstance(s, crontab):
        return {
            "type": "crontab",
            "minute": field(s._orig_minute, s.minute, 0, 59),
            "hour": field(s._orig_hour, s.hour, 0, 23),
            "day_of_month": field(s._orig_day_of_month, s.day_of_month, 1, 31),
            "month_of_year": field(s._orig_month_of_year, s.month_of_year, 1, 12),
            "day_of_week": field(s._orig_day_of_week, s.day_of_week, 0, 6),
        }
    if isinstance(s, solar):
        return {"type": "solar", "event": s.event}
    if type(s) is schedule:
        return {"type": "interval", "seconds": s.run_every.total_seconds()}
    return {"type": "other", "name": type(s).__name__}


entries = {}
for name, entry in sorted(app.conf.beat_schedule.items(), key=lambda e: str(e[0])):
    options = dict(entry.get("options") or {})
    try:
        route = app.amqp.router.route(dict(options), entry["task"])
        options.setdefault("queue", route.get("queue") or app.conf.task_default_queue)
    except Exception:
        options.setdefault("queue", app.conf.task_default_queue)
    entries[str(name)] = {
        "task": entry["task"],
        "args": plain(entry.get("args") or []),
        "kwargs": plain(entry.get("kwargs") or {}),
        "options": plain(options),
        "schedule": when(entry["schedule"]),
    }

zone = str(app.timezone) if app.conf.timezone else "UTC"
json.dump({"timezone": zone, "entries": entries}, out)
out.flush()
