"""A training step in PyTorch, of the network and rows of workers/network.cpp: network.py eager|compile WIDTH THREADS STEPS START.f32 LOSSES.f64"""
import sys
import time

import numpy as np
import torch

from worker import serve

mode, width, threads, steps, start, output = sys.argv[1:]
width, threads, steps = int(width), int(threads), int(steps)
torch.set_num_threads(threads)

count = 256 * width
draws = np.empty(count, np.uint32)
state = 12345
for i in range(count):
    state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
    draws[i] = state
x = ((draws >> 8).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)).reshape(256, width)
y = (x[:, 0].astype(np.float64) + x[:, 1].astype(np.float64) * x[:, 2].astype(np.float64)) * 1.5
centre, unit = y.mean(), y.std()
x, y = torch.from_numpy(x), torch.from_numpy(((y - centre) / unit).astype(np.float32))[:, None]
weights = np.fromfile(start, np.float32)


def network():
    net = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))
    at = 0
    with torch.no_grad():
        for layer in (net[0], net[2], net[4]):
            for parameter, shape in ((layer.weight, layer.weight.shape[::-1]), (layer.bias, layer.bias.shape)):
                size = int(np.prod(shape))
                values = torch.from_numpy(weights[at:at + size].copy()).reshape(shape)
                parameter.copy_(values.T if values.ndim == 2 else values)
                at += size
    return net


def trainer():
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def loss_of():
        return ((net(x) - y) ** 2).mean()

    compiled = torch.compile(loss_of) if mode == "compile" else loss_of

    def step():
        optimizer.zero_grad()
        loss = compiled()
        loss.backward()
        optimizer.step()
        return loss
    return step


step = trainer()
losses = [float(step()) * unit**2 for _ in range(21)]
np.asarray(losses[1:], np.float64).tofile(output)   # ours are measured after each step, these before it


def run():
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - begin) / steps


serve({"version": torch.__version__, "output": output}, run)
