"""What /proc says about processes and the machine.

Units: seconds, bytes, cores. Linux only.
"""

import os
import pathlib
import platform
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Fields of /proc/PID/stat from the state on; the name before may hold anything."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text.rpartition(")")[2].split()


def started_at(pid):
    """When a process started, in seconds since the epoch; the kernel counts in steps of 10 ms. None when it is gone."""
    try:
        since_boot = int(_stat(pid)[19]) / TICKS_PER_SECOND
    except (FileNotFoundError, ProcessLookupError):
        return None
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def cpu_seconds(pid):
    """User and system time that a process has used, without its children's."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def memory(pid):
    """Resident (RSS) and proportional (PSS) set size in bytes, and its parts."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0]) * 1024
    return fields


def children(pid):
    """Ids of a process's children, with their command lines."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if int(_stat(entry.name)[1]) == pid:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                found.append((int(entry.name), [part.decode(errors="replace") for part in command if part]))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while the folder was read
    return found


class OtherLoad:
    """How busy the machine was: cores in use by everything, while this object watched."""

    def __init__(self):
        self._begin = self._read()

    @staticmethod
    def _read():
        fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        idle = fields[3] + fields[4]
        return time.monotonic(), (sum(fields) - idle) / TICKS_PER_SECOND, fields[7] / TICKS_PER_SECOND

    def __str__(self):
        at, busy, stolen = self._read()
        took = max(at - self._begin[0], 1e-9)
        busy, stolen = (busy - self._begin[1]) / took, (stolen - self._begin[2]) / took
        return f"machine: {busy:.2f} of {os.cpu_count()} cores busy during the run, {stolen:.2f} stolen"


def machine():
    """This machine in a line."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {memory_kib / 2**20:.0f} GiB, Linux {platform.release()}"
