"""Seconds a row of an artifact's own measurement of features and forest in blocks: batch.py ARTIFACT."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
from worker import serve


def run():
    done = subprocess.run([sys.argv[1], "bench", "--seconds", "1", "--json"], capture_output=True, text=True, check=True)
    return 1 / json.loads(done.stdout)["batch"]["rows_per_second"]


serve({"version": "mlp", "output": None}, run)
