"""A skala of one's own: built if need be, run in a temporary folder on free ports, ended whatever happens."""

import contextlib
import ctypes
import datetime
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1


def binary():
    """The program: SKALA_BIN, else a release build of this tree."""
    given = os.environ.get("SKALA_BIN")
    if given:
        path = pathlib.Path(given).resolve()
        if not path.is_file():
            sys.exit(f"SKALA_BIN names {given}, which is not a file")
        return path
    subprocess.run(["cargo", "build", "--release", "-p", "skala"], cwd=ROOT, check=True)
    metadata = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1"],
                              cwd=ROOT, check=True, capture_output=True, text=True)
    return pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "release" / "skala"


def end_with_parent():
    """For preexec_fn: SIGTERM when the thread that started the process ends, so that a killed benchmark leaves nothing."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def orderly_signals():
    """SIGTERM ends a benchmark as Ctrl-C does, through its clean-up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Skala:
    """A running `skala up`."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.log = folder / "up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([program, "up", "--file", folder / "skala.yaml"], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
        self.gateway = self.admin = None

    def wait_ready(self, services, limit=60):
        """Waits until each service has at least the given number of ready replicas."""
        deadline = time.monotonic() + limit
        note = self.folder / ".skala" / "instance.json"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"skala ended with {self.process.returncode}:\n{self.log.read_text()}")
            if self.admin is None and note.exists():
                addresses = json.loads(note.read_text())
                self.gateway, self.admin = addresses["gateway"], addresses["admin"]
            if self.admin is not None:
                ready = {s["name"]: s["ready"] for s in self.get("/v1/status")["services"]}
                if all(ready.get(name, 0) >= count for name, count in services.items()):
                    return
            time.sleep(0.05)
        raise RuntimeError(f"not ready after {limit} s:\n{self.log.read_text()}")

    def get(self, path):
        """An answer of the admin API."""
        connection = http.client.HTTPConnection(self.admin, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        return json.loads(body)

    def replicas(self, service=None):
        """The replicas, as the admin API shows them."""
        return [r for r in self.get("/v1/replicas")["replicas"] if service in (None, r["service"])]

    def verb(self, *arguments):
        """Runs a verb of the command line and gives what it prints."""
        command = [self.program, *map(str, arguments), "--file", self.folder / "skala.yaml"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"skala {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def events(self):
        """All events since the start, oldest first (at most the last 10,000)."""
        return json.loads(self.verb("events", "-o", "json", "-n", 10_000))["events"]

    def load(self, path, rate, duration, host, *more, tag="load", trace=None):
        """Starts `skala load` in the background, at a rate or with a trace's arrivals; see `loaded`."""
        arrivals = ["--trace", trace] if trace else ["--rate", str(rate)]
        command = [self.program, "load", f"http://{self.gateway}{path}", *arrivals, "--duration", f"{duration}s",
                   "-H", f"host: {host}", "-o", "json", *map(str, more)]
        out = (self.folder / f"{tag}.json").open("w+b")
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
        process.report_file = out
        return process

    def end(self):
        """Ends it in order; kills it when that takes too long. True when it was in order."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=45)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode == 0


def loaded(process, limit=120):
    """Waits for a `skala load` and gives its report."""
    process.wait(timeout=limit)
    process.report_file.seek(0)
    text = process.report_file.read()
    process.report_file.close()
    if not text.strip():
        raise RuntimeError(f"skala load ended with {process.returncode} and no report")
    return json.loads(text)


@contextlib.contextmanager
def running(services, routes, program=None, **more):
    """Runs a platform; `services`, `routes` and `more` sections are JSON, which is YAML. The folder is kept when something goes wrong."""
    program = program or binary()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="skala-bench-"))
    listen = {"listen": "127.0.0.1:0"}
    text = json.dumps({"platform": "bench", "gateway": listen, "admin": listen, "services": services, "routes": routes} | more, indent=1)
    (folder / "skala.yaml").write_text(text)
    skala = Skala(program, folder)
    try:
        skala.wait_ready({name: 1 for name in services})
        yield skala
    except Exception:
        print(f"the folder is kept: {folder}", file=sys.stderr)
        folder = None
        raise
    finally:
        skala.end()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def backend(program, *more):
    """The command of a replica: the small backend in skala's own program."""
    return [str(program), "backend", "--port", "$PORT", *more]


def epoch(text):
    """Seconds since the epoch of an RFC 3339 time in UTC."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
