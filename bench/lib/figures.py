"""Figures with their spread, and the verdict line of a benchmark."""

import math
import statistics


def quantile(values, q):
    """The smallest value that at least a share q of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def spread(values, unit, digits=2):
    """Count, smallest, median, 95th percentile and largest in a line."""
    shown = [min(values), statistics.median(values), quantile(values, 0.95), max(values)]
    names = ["min", "median", "p95", "max"]
    return f"n {len(values)}  " + "  ".join(f"{n} {v:.{digits}f} {unit}" for n, v in zip(names, shown))


def verdict(name, passed, text):
    """Prints the last line and gives the exit code."""
    print(f"{'PASS' if passed else 'MISS'}  {name}: {text}", flush=True)
    return 0 if passed else 1
