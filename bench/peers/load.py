"""Load on one server: load.py rate|p99 SECONDS CONNECTIONS PORT PATH BODY SERVER... The server runs on core 0, wrk on core 1.

A run gives seconds a request (rate), or the 99th percentile of the latency (p99)."""
import os
import re
import subprocess
import sys
import time
import urllib.request

from worker import serve

mode, seconds, connections, port, path, body, *server = sys.argv[1:]
process = subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {0}))
payload = open(body, "rb").read()
url = f"http://127.0.0.1:{port}{path}"
reply = b""
for _ in range(200):
    try:
        reply = urllib.request.urlopen(urllib.request.Request(url, payload, {"Content-Type": "application/json"})).read()
        break
    except OSError as error:
        if process.poll() is not None:
            sys.exit(f"{server[0]} ended")
        time.sleep(0.05)
else:
    sys.exit(f"no answer from {url}: {error}")
script = f"{body}.{port}.lua"
with open(script, "w") as out:
    out.write(f'wrk.method = "POST"\nlocal f = io.open("{body}", "rb")\nwrk.body = f:read("*a")\nf:close()\nwrk.headers["Content-Type"] = "application/json"\n')


def run():
    text = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script, url], capture_output=True, text=True, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {1})).stdout
    if "Non-2xx" in text:
        sys.exit(text)
    if mode == "rate":
        return 1 / float(re.search(r"Requests/sec:\s*([\d.]+)", text).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]


try:
    serve({"version": None, "output": None, "reply": reply.decode()}, run)
finally:
    process.kill()
