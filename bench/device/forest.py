"""A forest of 500 trees, 64 leaves, 28 features over 10M rows that lie on the GPU: ours against trees compiled to tensors in PyTorch (the
traversal of Hummingbird, all trees of a row at once, eager and by torch.compile). Theirs takes minutes over all rows, so that it is measured over the
first PEER_ROWS, and its time counted by rows: it is one piece after the other, and what a run costs once is in none of them. One line of JSON.

python3 bench/device/forest.py WORKER [--rows N] [--trees N] [--leaves N] [--features N] [--pairs N] [--peer-rows N]
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch

arguments = argparse.ArgumentParser()
arguments.add_argument("worker")
for name, default in [("rows", 10_000_000), ("trees", 500), ("leaves", 64), ("features", 28), ("pairs", 5), ("peer-rows", 200_000)]:
    arguments.add_argument(f"--{name}", type=int, default=default)
args = arguments.parse_args()
args.peer_rows = min(args.peer_rows, args.rows)
began = time.monotonic()
folder = tempfile.mkdtemp()
worker = subprocess.Popen([args.worker, folder, str(args.rows), str(args.trees), str(args.leaves), str(args.features), str(args.peer_rows)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
line = worker.stdout.readline()
if not line:
    sys.exit("the worker ended early")
info = json.loads(line)


def ours():
    worker.stdin.write("run\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


def load(name, kind):
    return torch.from_numpy(numpy.fromfile(f"{folder}/{name}", kind)).cuda()


feature, left, right, root = (load(f"{n}.i32", numpy.int32).long() for n in ("feature", "left", "right", "root"))
threshold, value = load("threshold.f32", numpy.float32), load("value.f32", numpy.float32)
depth = int(open(f"{folder}/depth").read())
x = load("columns.f32", numpy.float32).view(args.features, args.peer_rows).t().contiguous()
wanted = numpy.fromfile(f"{folder}/scores.f64", numpy.float64)


def traverse(rows):
    nodes = root.expand(rows.shape[0], -1)
    for _ in range(depth):
        taken = torch.gather(rows, 1, feature[nodes])
        nodes = torch.where(taken <= threshold[nodes], left[nodes], right[nodes])
    return value[nodes].sum(1) + 0.5


def peer(function, piece, out):
    for first in range(0, args.peer_rows, piece):
        out[first : first + piece] = function(x[first : first + piece])


def timed(work):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000


# Whichever way is faster for the peer, found on half of its rows; one shape, so that it is compiled once.
out = torch.empty(args.peer_rows, device="cuda")
compiled = torch.compile(traverse, dynamic=False)
tried = {}
with torch.no_grad():
    piece = args.peer_rows // 2 if args.peer_rows % 2 == 0 else args.peer_rows
    for name, function in [("eager", traverse), ("compiled", compiled)]:
        try:
            function(x[:piece])
            torch.cuda.synchronize()
            tried[name, piece] = min(timed(lambda: function(x[:piece])) for _ in range(2)) / piece * args.rows
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
    name, piece = min(tried, key=tried.get)
    function = compiled if name == "compiled" else traverse
    peer(function, piece, out)
    far = float(numpy.abs(out.cpu().numpy() - wanted).max())
    verified = info["same_bytes_as_cpu"] and far < 1e-4
    ours()
    pairs = [(ours(), timed(lambda: peer(function, piece, out)) / args.peer_rows * args.rows) for _ in range(args.pairs)]
ratios = sorted(b / a for a, b in pairs)
worker.stdin.close()
worker.wait()
print(json.dumps({
    "name": "device-forest", "case": f"{args.rows} rows, {args.trees} trees, {args.leaves} leaves, {args.features} features, depth {depth}, resident", "peer": f"torch {torch.__version__}, {name}, {piece} rows at once; measured over {args.peer_rows} rows, counted for all",
    "ratio": {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}, "verified": verified, "furthest": far, "ours_seconds": min(a for a, _ in pairs),
    "peer_seconds": min(b for _, b in pairs), "peer_tried": {f"{n} {p}": t for (n, p), t in tried.items()}, "machine": {"gpu": torch.cuda.get_device_name(), "device": info["device"]}, "kernel": info["kernel"],
    "row_bytes": info["row_bytes"], "take_seconds": info["take_seconds"], "took_seconds": round(time.monotonic() - began, 1)}))
sys.exit(0 if verified else 1)
