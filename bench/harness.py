"""Pairs of measurements: two workers, ours and a peer's, run in turn (A B A B) on the same core.

A worker is a process. It prepares everything, prints one line of JSON ({"version": ..., "output": FILE or null}), and then,
for each line `run` on its standard input, does its work once and prints the seconds that it took by a monotonic clock (more
than one figure, where a case has more than one).
It ends at the end of its input. While one works the other waits for its line, and takes no processor time.
"""
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("MLP_BUILD", ROOT / "build"))
DATA = BUILD / "bench"
MLP = BUILD / "mlp"
PEERS = BUILD / "peers"
RESULTS = ROOT / "bench" / "results"
PYTHON = PEERS / "bin" / "python"


class Failed(Exception):
    """What a person can act on; printed without a trace."""


class Worker:
    def __init__(self, command, cores, environment=None):
        self.command = [str(part) for part in command]
        env = dict(os.environ, OMP_NUM_THREADS=str(len(cores)), **(environment or {}))
        # On some machines these are set for old OpenBLAS builds; they slow a current numpy.
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            env.pop(name, None)
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=DATA,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.info = json.loads(self._line())

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"a worker ended early: {' '.join(self.command)}")
        return line

    def run(self):
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return [float(part) for part in self._line().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Case:
    """One row of a benchmark: what is run on both sides, and the least ratio (peer's seconds / ours) that is asked for."""
    name: str
    goal: object                         # or several, by figure: {"whole": 3, "a tree": 2}
    prepare: object                      # () -> (our command, the peer's command); makes data and models, once
    verify: object                       # (our info, peer's info) -> what was compared, as text; raises Failed
    cores: tuple = (0,)
    limit: float = None                  # our seconds, at most
    unit: str = ""                       # what the seconds are of
    environment: dict = field(default_factory=dict)


@dataclass
class Benchmark:
    name: str
    peer: str
    work: str
    cases: list


def figures(case):
    """The goals of a case, by figure."""
    return case.goal if isinstance(case.goal, dict) else {"": case.goal}


def measure(case, pairs):
    """The results of a case, one for each of its figures."""
    ours_command, peer_command = case.prepare()
    ours = Worker(ours_command, case.cores, case.environment)
    peer = None
    try:
        if peer_command:
            peer = Worker(peer_command, case.cores, case.environment)
        verified = case.verify(ours.info, peer.info if peer else None)
        for worker in filter(None, (ours, peer)):
            worker.run()                 # warm
        times = []
        for pair in range(pairs):
            if not peer:                 # the ratio is the limit's to ours
                times.append((ours.run(), [case.limit]))
                continue
            first, second = (ours, peer) if pair % 2 == 0 else (peer, ours)
            a, b = first.run(), second.run()
            times.append((a, b) if pair % 2 == 0 else (b, a))
    finally:
        ours.close()
        if peer:
            peer.close()
    results = []
    for i, (figure, goal) in enumerate(figures(case).items()):
        own, others = [a[i] for a, _ in times], [b[i] for _, b in times]
        ratios = [b / a for a, b in zip(own, others)]
        results.append({
            "case": f"{case.name}, {figure}" if figure else case.name,
            "cores": len(case.cores),
            "unit": figure or case.unit,
            "goal": goal,
            "met": statistics.median(ratios) >= goal and (case.limit is None or statistics.median(own) <= case.limit),
            "pairs": pairs,
            "ratio": {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)},
            "verified": verified,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "load": round(os.getloadavg()[0], 2),
            "ours": {"minimum": min(own), "median": statistics.median(own), "limit": case.limit, "version": ours.info.get("version")},
            "peer": {"minimum": min(others), "median": statistics.median(others), "version": peer.info.get("version") if peer else "the limit"},
        })
    return results


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return {"processor": model, "cores": os.cpu_count(), "system": platform.platform()}


def result(benchmark, cases):
    """The case that is nearest to its goal, or farthest below it, speaks for the benchmark."""
    worst = min(cases, key=lambda c: c["ratio"]["median"] / c["goal"] if c["goal"] else float("inf"))
    return {
        "name": benchmark.name,
        "work": benchmark.work,
        "peer": {"name": benchmark.peer, "version": worst["peer"]["version"]},
        "goal": worst["goal"],
        "met": all(c["met"] for c in cases),
        "ratio": worst["ratio"],
        "verified": all(bool(c["verified"]) for c in cases),
        "minimum": {"ours": worst["ours"]["minimum"], "peer": worst["peer"]["minimum"]},
        "case": worst["case"],
        "cases": cases,
        "machine": machine(),
    }


def record(benchmark, cases):
    """Writes what was measured; a case that was not, this time, keeps what it gave before."""
    path = RESULTS / f"{benchmark.name}.json"
    known = {c["case"]: c for c in json.loads(path.read_text())["cases"]} if path.exists() else {}
    known.update({c["case"]: c for c in cases})
    names = [f"{case.name}, {figure}" if figure else case.name for case in benchmark.cases for figure in figures(case)]
    whole = result(benchmark, [known[name] for name in names if name in known])
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(whole, indent=1) + "\n")
    return whole


def note(text):
    print(text, file=sys.stderr, flush=True)
