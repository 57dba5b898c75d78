"""The application of skala's tests: its settings come from the environment."""
import os
import time

from celery import Celery
from celery.schedules import crontab
from kombu import Exchange, Queue

# Workers look each second for leases that ran out, instead of about every hundred.
options = {"visibility_timeout": int(os.environ.get("VISIBILITY", "3600"))}
options |= {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}
if os.environ.get("STEPS"):
    options["priority_steps"] = [int(s) for s in os.environ["STEPS"].split(",")]
if os.environ.get("PREFIX"):
    options["global_keyprefix"] = os.environ["PREFIX"]

app = Celery("app", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.update(
    broker_transport_options=options,
    result_backend_transport_options={"global_keyprefix": os.environ["PREFIX"]} if os.environ.get("PREFIX") else {},
    broker_connection_retry_on_startup=True,
    task_acks_late=os.environ.get("LATE", "1") == "1",
    task_compression=os.environ.get("COMPRESSION") or None,
    result_compression=os.environ.get("RESULT_COMPRESSION") or None,
    task_protocol=int(os.environ.get("PROTOCOL", "2")),
    worker_prefetch_multiplier=int(os.environ.get("PREFETCH", "1")),
    worker_cancel_long_running_tasks_on_connection_loss=False,
    task_queues=[Queue("celery"), Queue("email", Exchange("mail"), routing_key="mail.out"), Queue("rust")],
    task_routes={"app.rust.*": {"queue": "rust"}, "app.mail": {"queue": "email"}},
    timezone="Europe/Berlin",
    beat_schedule={
        "nightly": {"task": "app.add", "schedule": crontab(minute="0", hour="2"), "args": (1, 2)},
        "weekly": {"task": "app.mail", "schedule": crontab(minute="*/15", hour="8,9", day_of_week="mon-fri"), "options": {"priority": 3}},
        "often": {"task": "app.add", "schedule": 30.0, "kwargs": {"x": 1, "y": 2}, "options": {"expires": 10}},
    },
)


def note(line):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(line + "\n")


@app.task
def add(x, y):
    return x + y


@app.task(bind=True)
def slow(self, seconds):
    note("begin " + self.request.id)
    time.sleep(seconds)
    note("end " + self.request.id)
    return seconds


@app.task
def fail(text):
    raise ValueError(text)


@app.task
def failed(task_id):
    note("failed " + task_id)


@app.task
def mail(to):
    return to


@app.task(name="app.rust.double")
def double(x):
    raise NotImplementedError("it runs outside Python")
