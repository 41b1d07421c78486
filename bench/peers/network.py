"""A network in PyTorch, of the kind and rows of workers/network.cpp, from its weights: its training step, or its scores.
network.py step|score eager|compile NETWORK THREADS COUNT START.f32 OUTPUT.f64 [bf16]
COUNT: steps a run, of 256 rows; or rows that are scored in a call. bf16: under autocast, which takes it for products. OUTPUT gets the loss after each of the first 20 steps, or the scores."""
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from worker import serve

what, mode, network, threads, count, start, output, *rounded = sys.argv[1:]
threads, count = int(threads), int(count)
rows = 256 if what == "step" else count
torch.set_num_threads(threads)


class Dense(nn.Module):
    """A wide network: as many numbers through two rectified layers of as many units."""

    def __init__(self, width):
        super().__init__()
        self.columns = width
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)

    def weights(self):
        return [w for layer in self.layers for w in (layer.weight.T, layer.bias)]


class Images(nn.Module):
    columns = 784

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5, padding=2)
        self.third, self.last = nn.Linear(7 * 7 * 64, 128), nn.Linear(128, 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        x = x.reshape(-1, 1, 28, 28).contiguous(memory_format=torch.channels_last)
        x = F.max_pool2d(torch.relu(self.first(x)), 2)
        x = F.max_pool2d(torch.relu(self.second(x)), 2)
        return self.last(torch.relu(self.third(x.permute(0, 2, 3, 1).flatten(1))))

    def weights(self):
        def kernel(layer):  # [rows, columns, channels, filters]
            return layer.weight.permute(2, 3, 1, 0)
        return [kernel(self.first), self.first.bias, kernel(self.second), self.second.bias, self.third.weight.T, self.third.bias, self.last.weight.T, self.last.bias]


class Normalised(Images):
    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(32), nn.BatchNorm2d(64)])

    def forward(self, x):
        x = x.reshape(-1, 1, 28, 28).contiguous(memory_format=torch.channels_last)
        x = F.max_pool2d(torch.relu(self.norms[0](self.first(x))), 2)
        x = F.max_pool2d(torch.relu(self.norms[1](self.second(x))), 2)
        return self.last(torch.relu(self.third(x.permute(0, 2, 3, 1).flatten(1))))

    def weights(self):
        plain = super().weights()
        return [*plain[:2], self.norms[0].weight, self.norms[0].bias, *plain[2:4], self.norms[1].weight, self.norms[1].bias, *plain[4:]]


class Embeddings(nn.Module):
    columns = 16

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(1000, 16)
        self.layers = nn.ModuleList([nn.Linear(256, 64), nn.Linear(64, 32), nn.Linear(32, 1)])

    def forward(self, x):
        x = self.table(((x + 1) * 500).long()).flatten(1)
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)

    def weights(self):
        return [self.table.weight] + [w for layer in self.layers for w in (layer.weight.T, layer.bias)]


class Convolution(nn.Module):
    columns = 384

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Conv1d(4, 32, 7, stride=2), nn.Conv1d(32, 64, 5), nn.Linear(41 * 64, 1)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x.reshape(-1, 96, 4).transpose(1, 2)))))
        return self.last(x.transpose(1, 2).flatten(1))

    def weights(self):
        def kernel(layer):  # [steps, channels, filters]
            return layer.weight.permute(2, 1, 0)
        return [kernel(self.first), self.first.bias, kernel(self.second), self.second.bias, self.last.weight.T, self.last.bias]


class Recurrence(nn.Module):
    columns = 384

    def __init__(self):
        super().__init__()
        self.unit, self.last = nn.GRU(8, 64, batch_first=True), nn.Linear(64, 1)
        self.unit.bias_hh_l0.requires_grad_(False).zero_()  # ours has one offset a gate

    def forward(self, x):
        return self.last(self.unit(x.reshape(-1, 48, 8))[0][:, -1])

    def weights(self):
        return [self.unit.weight_ih_l0.T, self.unit.weight_hh_l0.T, self.unit.bias_ih_l0, self.last.weight.T, self.last.bias]


class Attention(nn.Module):
    columns = 256

    def __init__(self):
        super().__init__()
        self.begin, self.last = nn.Linear(8, 64), nn.Linear(64, 1)
        self.parts = nn.ModuleList([nn.Linear(64, 64, bias=False) for _ in range(4)])  # queries, keys, values, and what they become
        self.wide, self.narrow = nn.Linear(64, 128), nn.Linear(128, 64)
        self.norms = nn.ModuleList([nn.LayerNorm(64), nn.LayerNorm(64)])

    def forward(self, x):
        x = self.begin(x.reshape(-1, 32, 8))
        q, k, u = (part(x).view(-1, 32, 4, 16).transpose(1, 2) for part in self.parts[:3])
        mixed = F.scaled_dot_product_attention(q, k, u).transpose(1, 2).reshape(-1, 32, 64)
        x = self.norms[0](x + self.parts[3](mixed))
        x = self.norms[1](x + self.narrow(torch.relu(self.wide(x))))
        return self.last(x.mean(1))

    def weights(self):
        def both(layer):
            return [layer.weight.T, layer.bias]

        def norm(layer):
            return [layer.weight, layer.bias]
        return [*both(self.begin), *(part.weight.T for part in self.parts), *norm(self.norms[0]), *both(self.wide), *both(self.narrow), *norm(self.norms[1]), *both(self.last)]


kinds = {"images": Images, "normalised": Normalised, "embeddings": Embeddings, "convolution": Convolution, "recurrence": Recurrence, "attention": Attention}
net = Dense(int(network)) if network.isdigit() else kinds[network]()
columns = net.columns
draws = np.empty(rows * columns, np.uint32)
state = 12345
for i in range(rows * columns):
    state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
    draws[i] = state
x = ((draws >> 8).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)).reshape(rows, columns)
y = (x[:, 0].astype(np.float64) + x[:, 1].astype(np.float64) * x[:, 2].astype(np.float64)) * 1.5
centre, unit = y.mean(), y.std()
x, y = torch.from_numpy(x), torch.from_numpy(((y - centre) / unit).astype(np.float32))[:, None]
given, at = np.fromfile(start, np.float32), 0
with torch.no_grad():
    for weight in net.weights():
        weight.copy_(torch.from_numpy(given[at:at + weight.numel()].copy()).reshape(weight.shape))
        at += weight.numel()
assert at == len(given), f"{at} weights of {len(given)}"


def loss_of():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=rounded == ["bf16"]):
        return ((net(x).float() - y) ** 2).mean()


def loss_now():
    net.eval()
    with torch.no_grad():
        loss = float(loss_of()) * unit**2
    net.train()
    return loss


def trainer():
    optimizer = torch.optim.Adam([w for w in net.parameters() if w.requires_grad], lr=1e-3)
    compiled = torch.compile(loss_of) if mode == "compile" else loss_of

    def step():
        optimizer.zero_grad()
        loss = compiled()
        loss.backward()
        optimizer.step()
        return loss
    return step


if what == "step":
    step = trainer()
    losses = []
    for _ in range(20):
        step()
        losses.append(loss_now())
    np.asarray(losses, np.float64).tofile(output)

    def run():
        begin = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - begin) / count
else:
    net.eval()
    scorer = torch.compile(net) if mode == "compile" else net
    with torch.inference_mode():
        (scorer(x)[:, 0].double() * unit + centre).numpy().tofile(output)

    def run():
        with torch.inference_mode():
            begin = time.perf_counter()
            scorer(x)
            return time.perf_counter() - begin

serve({"version": torch.__version__, "output": output}, run)
