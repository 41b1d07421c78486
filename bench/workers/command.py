"""Times a command, a process from start to end: command.py OUTPUT COMMAND... (OUTPUT: a CSV of predictions to compare, or -)."""
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
from worker import serve

output, *command = sys.argv[1:]


def run():
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.decode()}")
    return seconds


run()
serve({"version": "mlp", "output": None if output == "-" else output}, run)
