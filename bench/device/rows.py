"""Features over 28 columns of doubles that lie on the GPU (impute, log_signed, standardize, clamp): ours against torch.compile, and against
the rate at which the GPU copies. One line of JSON.

python3 bench/device/rows.py WORKER DIR [--rows N] [--pairs N], DIR from bench_device_rows_prepare
"""
import argparse
import json
import statistics
import subprocess
import sys

import numpy
import torch

arguments = argparse.ArgumentParser()
arguments.add_argument("worker")
arguments.add_argument("folder")
arguments.add_argument("--rows", type=int, default=10_000_000)
arguments.add_argument("--pairs", type=int, default=15)
args = arguments.parse_args()
worker = subprocess.Popen([args.worker, args.folder, str(args.rows)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
line = worker.stdout.readline()
if not line:
    sys.exit("the worker ended early")
info = json.loads(line)


def ours():
    worker.stdin.write("run\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


def timed(work):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000


columns = 28
numbers = numpy.fromfile(f"{args.folder}/numbers.f64")
slots = [[int(s) for s in line.split()] for line in open(f"{args.folder}/slots")]
assert len(slots) == columns and all(len(s) == 3 for s in slots), "three fitted numbers a column: what stands in for the missing, mean, deviation"
expected = torch.from_numpy(numpy.fromfile(f"{args.folder}/expected.f64").reshape(columns, -1)).cuda()
inputs = torch.from_numpy(numpy.fromfile(f"{args.folder}/inputs.f64").reshape(columns, -1)).cuda()
of = torch.tensor(numbers[numpy.array(slots)], device="cuda")  # column, what
middle, mean, deviation = (of[:, k : k + 1].contiguous() for k in range(3))


def chain(x):
    v = torch.where(torch.isnan(x), middle, x)
    v = torch.sign(v) * torch.log1p(torch.abs(v))
    return torch.clamp(torch.where(deviation == 0, torch.zeros_like(v), (v - mean) / deviation), -2, 2)


with torch.no_grad():
    far = float((chain(inputs) - expected).abs().max())
    verified = info["same_bytes_as_cpu"] and far < 1e-12
    x = torch.rand((columns, args.rows), dtype=torch.float64, device="cuda") * 20 - 4
    x[torch.rand((columns, args.rows), device="cuda") < 0.05] = float("nan")
    compiled = torch.compile(chain, dynamic=False)
    compiled(x)
    a = torch.empty(280_000_000, dtype=torch.float32, device="cuda").fill_(1)
    b = torch.empty_like(a)
    ours(), timed(lambda: compiled(x)), timed(lambda: b.copy_(a))
    rounds = [(ours(), timed(lambda: compiled(x)), timed(lambda: b.copy_(a))) for _ in range(args.pairs)]
ratios = sorted(theirs / mine for mine, theirs, _ in rounds)
copy_rate = 2 * a.numel() * 4 / statistics.median(c for _, _, c in rounds)
rate = info["bytes"] / statistics.median(m for m, _, _ in rounds)
worker.stdin.close()
worker.wait()
print(json.dumps({
    "name": "device-rows", "case": f"{args.rows} rows, 28 columns of doubles, one in twenty missing: impute, log_signed, standardize, clamp", "peer": f"torch {torch.__version__}, torch.compile, float64",
    "ratio": {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}, "verified": verified, "furthest": far, "share_of_copy_rate": rate / copy_rate, "bytes_per_second": rate,
    "copy_bytes_per_second": copy_rate, "ours_seconds": min(m for m, _, _ in rounds), "peer_seconds": min(t for _, t, _ in rounds), "machine": {"gpu": torch.cuda.get_device_name(), "device": info["device"]}}))
sys.exit(0 if verified else 1)
