"""Celery on a Redis of its own (`appendfsync everysec`): enqueues from one process, a task that does nothing in two worker processes."""

import os
import shutil
import subprocess
import sys
import time
import venv

from .common import free_port, wait_port

APP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "app")
REQUIREMENTS = ["celery[redis]==5.7.0"]

ENQUEUE = """
import sys, time
from celery_app import nothing
count, payload = int(sys.argv[1]), "x" * 90
nothing.delay(payload)
begin = time.perf_counter()
for _ in range(count):
    nothing.delay(payload)
print(count / (time.perf_counter() - begin))
"""


def programs(folder):
    """The environment's `bin`; made with Celery in it where it is missing."""
    ready = os.path.join(folder, "complete")
    if not os.path.exists(ready):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([os.path.join(folder, "bin/pip"), "install", "--quiet", *REQUIREMENTS], check=True)
        open(ready, "w", encoding="utf-8").close()
    return os.path.join(folder, "bin")


class Redis:
    """A redis-server that appends to a file and syncs it every second, as its documentation advises for queues."""

    def __init__(self, folder):
        self.port = free_port()
        program = shutil.which("redis-server", path=os.environ["PATH"] + ":/usr/sbin")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"]
        options += ["--appendfsync", "everysec"]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        wait_port(self.port)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def length(self):
        """Messages in the queue."""
        answer = subprocess.run(
            ["redis-cli", "-p", str(self.port), "llen", "celery"], capture_output=True, text=True, check=True
        )
        return int(answer.stdout)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Celery:
    """The application against one Redis."""

    def __init__(self, bin_folder, redis):
        self.bin, self.redis = bin_folder, redis
        self.env = dict(os.environ, BROKER=redis.url, PYTHONPATH=APP, PYTHONDONTWRITEBYTECODE="1")

    def enqueue(self, count):
        """Enqueues per second from one process."""
        command = [os.path.join(self.bin, "python"), "-c", ENQUEUE, str(count)]
        return float(subprocess.run(command, env=self.env, capture_output=True, text=True, check=True).stdout)

    def run(self, least):
        """Tasks per second that two worker processes run, between the first look at which some are gone and the last task."""
        command = [os.path.join(self.bin, "celery"), "-A", "celery_app", "worker", "-c", "2", "-l", "error"]
        worker = subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            full = left = self.redis.length()
            assert full >= least, f"{full} tasks wait"
            begin = None
            while left:
                time.sleep(0.05)
                left = self.redis.length()
                if begin is None and left < full:
                    begin, first = time.perf_counter(), left
                if worker.poll() is not None:
                    sys.exit("the Celery worker ended")
            # What was prefetched when the list ran empty is still worked on; it is left out on both ends.
            return first / (time.perf_counter() - begin)
        finally:
            worker.terminate()
            worker.wait()
