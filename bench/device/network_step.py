"""A training step on a GPU in PyTorch, of the network and rows of workers/network.cpp (device):
network_step.py WIDTH BATCH BATCHES EPOCHS START.f32 OURS.f64

Prints seconds a step: eager, by torch.compile, and by torch.compile in CUDA graphs; with one batch an epoch also how far its losses are from
ours, OURS.f64, after each epoch. float32 is PyTorch's default precision of products, tf32 what `allow_tf32` makes of it; a line for each."""
import json
import sys
import time

import numpy as np
import torch
import torch._dynamo

width, batch, batches, epochs = (int(v) for v in sys.argv[1:5])
start, ours = sys.argv[5:7]
device = torch.device("cuda")

rows = batch * batches
with np.errstate(over="ignore"):                       # the same congruence as the worker's, by its powers
    powers = np.cumprod(np.full(rows * width, 1664525, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate([np.ones(1, np.uint32), powers[:-1]]), dtype=np.uint32)
    draws = powers * np.uint32(12345) + sums * np.uint32(1013904223)
del powers, sums
x = ((draws >> 8).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)).reshape(rows, width)
del draws
y = (x[:, 0].astype(np.float64) + x[:, 1].astype(np.float64) * x[:, 2].astype(np.float64)) * 1.5
centre, unit = y.mean(), y.std()
x, y = torch.from_numpy(x).to(device), torch.from_numpy(((y - centre) / unit).astype(np.float32))[:, None].to(device)
weights = np.fromfile(start, np.float32)


def network():
    net = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)).to(device)
    at = 0
    with torch.no_grad():
        for layer in (net[0], net[2], net[4]):
            for parameter, shape in ((layer.weight, layer.weight.shape[::-1]), (layer.bias, layer.bias.shape)):
                size = int(np.prod(shape))
                values = torch.from_numpy(weights[at:at + size].copy()).reshape(shape).to(device)
                parameter.copy_(values.T if values.ndim == 2 else values)
                at += size
    return net


def trainer(mode):
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def loss_of(a, b):
        return ((net(a) - b) ** 2).mean()
    compiled = loss_of if mode == "eager" else torch.compile(loss_of, mode="reduce-overhead" if mode == "graphs" else None)

    def epoch():
        order = torch.randperm(rows, device=device)
        for i in range(batches):
            rows_now = order[i * batch:(i + 1) * batch]
            optimizer.zero_grad()
            compiled(x[rows_now], y[rows_now]).backward()
            optimizer.step()
    return net, epoch


def time_of(mode):
    _, epoch = trainer(mode)
    epoch()
    times = []
    for _ in range(3):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        epoch()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) / batches)
    return min(times)


for precision in ("float32", "tf32"):
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch._dynamo.reset()
    out = {"torch": torch.__version__, "device": torch.cuda.get_device_name(), "precision": precision, "width": width, "batch": batch}
    if batches == 1:
        net, epoch = trainer("eager")
        curve = []
        for _ in range(epochs):
            epoch()
            with torch.no_grad():
                curve.append(float(((net(x) - y) ** 2).mean(dtype=torch.float64)) * unit**2)
        mine = np.fromfile(ours, np.float64)
        out |= {"worst_difference_of_losses": float(np.abs(mine / np.asarray(curve) - 1).max()), "losses": [curve[0], curve[-1]], "ours": [float(mine[0]), float(mine[-1])]}
    else:
        for mode in ("eager", "compile", "graphs"):
            out[mode] = time_of(mode)
            print(json.dumps(out), flush=True)
        continue
    print(json.dumps(out), flush=True)
