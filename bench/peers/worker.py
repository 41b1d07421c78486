"""A peer's side of harness.py."""
import json
import sys
import time


def serve(info, run):
    """run() does the work once; what it returns, if anything, are the seconds, or several; else they are taken here."""
    print(json.dumps(info), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        seconds = run()
        print(*[time.perf_counter() - start] if seconds is None else seconds if isinstance(seconds, tuple) else [seconds], flush=True)
