"""The rate at which the GPU copies within its memory, bytes read and written: what others are measured by. One line of JSON."""
import json

import torch

rates = []
for megabytes in (64, 256, 1120):
    a = torch.empty(megabytes << 18, dtype=torch.float32, device="cuda").fill_(1)
    b = torch.empty_like(a)
    b.copy_(a)
    for _ in range(10):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        b.copy_(a)
        end.record()
        torch.cuda.synchronize()
        rates.append((2 * a.numel() * 4 / begin.elapsed_time(end) / 1e6, megabytes))
best = {}
for rate, megabytes in rates:
    best[megabytes] = max(best.get(megabytes, 0), rate)
print(json.dumps({"name": "device-copy", "gigabytes_per_second": best, "machine": {"gpu": torch.cuda.get_device_name()}, "peer": f"torch {torch.__version__}"}))
