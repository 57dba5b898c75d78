"""skala's own task server and load tool, from the examples of the crate skala-tasks: a server per measurement, on a store in a file."""

import json
import os
import pathlib
import subprocess
import sys
import time

from lib import proc, skala


def programs(given):
    """The folder of the built examples; built when none is given."""
    if given:
        return pathlib.Path(given)
    subprocess.run(["cargo", "build", "--release", "-p", "skala-tasks", "--examples"], cwd=skala.ROOT, check=True)
    shown = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=skala.ROOT, check=True, capture_output=True)
    return pathlib.Path(json.loads(shown.stdout)["target_directory"]) / "release" / "examples"


class Process:
    """A program that says where it listens in its first line."""

    def __init__(self, command):
        begin = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=skala.end_with_parent)
        self.at = self.process.stdout.readline().strip()
        self.started = time.perf_counter() - begin
        if not self.at:
            sys.exit(f"{command[0]} ended at its start")

    def cpu(self):
        return proc.cpu_seconds(self.process.pid)

    def resident(self):
        """Bytes in memory."""
        return proc.memory(self.process.pid)["Rss"]

    def stop(self):
        """Ends it in order; gives what it printed last."""
        self.process.terminate()
        try:
            return self.process.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0]


class Server(Process):
    """A server with one queue. `push`: where the worker listens that gets the tasks."""

    def __init__(self, folder, file, durability="fsync", push=None):
        self.folder, self.file = folder, file
        command = [folder / "tasks-serve", "--store", file, "--durability", durability]
        super().__init__(command + (["--push", push] if push else []) + ["load"])

    def load(self, mode, **options):
        """Runs the load tool: its figures, with the server's and its own CPU in microseconds per task."""
        command = [self.folder / "tasks-load", self.at, mode]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        before, own = self.cpu(), children_cpu()
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=skala.end_with_parent)
        if done.returncode != 0:
            raise RuntimeError(f"tasks-load {mode}: {done.stderr}")
        figures = json.loads(done.stdout)
        count = max(figures.get("tasks") or figures.get("sent"), 1)
        figures["server"] = (self.cpu() - before) / count * 1e6
        figures["client"] = (children_cpu() - own) / count * 1e6
        return figures


def worker(folder):
    """A worker that answers every pushed task with 200."""
    return Process([folder / "tasks-load", "worker"])


def children_cpu():
    """Seconds that ended children have used."""
    times = os.times()
    return times.children_user + times.children_system
