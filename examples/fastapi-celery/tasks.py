"""The background work: mail, and reports in two priorities. Plain Celery; nothing here knows of skala."""
import os
import time

from celery import Celery
from celery.schedules import crontab

BROKER = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
# Seconds of work; the example's tests make them shorter.
PACE = float(os.environ.get("PACE", "1"))

app = Celery("tasks", broker=BROKER, backend=os.environ.get("CELERY_RESULT_BACKEND", BROKER))
app.conf.update(
    task_routes={"tasks.send_email": {"queue": "email"}, "tasks.*": {"queue": "processing"}},
    task_acks_late=True,                # a task whose worker dies runs again
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,       # what waits, waits in Redis, where every worker and skala can see it
    # How long a broker waits for a task whose worker fell silent; skala renews it for those that live.
    broker_transport_options={"visibility_timeout": int(os.environ.get("VISIBILITY_TIMEOUT", "3600"))},
    broker_connection_retry_on_startup=True,
    result_expires=3600,
    timezone="Europe/Berlin",
    beat_schedule={
        "nightly-digest": {"task": "tasks.digest", "schedule": crontab(hour="2", minute="0")},
        "heartbeat": {"task": "tasks.tick", "schedule": float(os.environ.get("TICK", "60"))},
    },
)


@app.task(bind=True, autoretry_for=(ConnectionError,), retry_backoff=30, retry_backoff_max=300, retry_jitter=False, max_retries=5)
def send_email(self, to, subject):
    """Waits on a mail server: hardly any CPU, so a larger pool helps."""
    time.sleep(0.3 * PACE)
    return {"to": to, "subject": subject, "attempt": self.request.retries + 1}


@app.task(time_limit=600, soft_time_limit=540)
def report(pages):
    """Makes a report, page by page."""
    for _ in range(pages):
        time.sleep(0.2 * PACE)
    return {"pages": pages}


@app.task
def digest():
    """Once a night: a mail with what happened."""
    send_email.delay("team@example.com", "Yesterday")


@app.task
def tick():
    """Once a minute; shows that Beat lives."""
    return time.time()
