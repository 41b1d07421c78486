"""Registers, shared memory and the share of a processor's warps that the kernels of a device can have at once, by ptxas and the limits of the CUDA
programming guide (compute capabilities). Needs no GPU. Of our own kernels, of a network with its training, of features. A line of JSON.

python3 bench/device/occupancy.py MLP PTXAS KERNELS.ptx, e.g. build/mlp third_party/ptxas build/runtime/device/kernels/kernels.ptx
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

THREADS = int(re.search(r"launch_threads = (\d+)", (pathlib.Path(__file__).parents[2] / "base/launch_threads.h").read_text())[1])
# By compute capability: warps, blocks, bytes of shared memory and registers of a processor; bytes that a block takes beside its own.
LIMITS = {75: (32, 16, 64 << 10, 65536, 0), 80: (64, 32, 164 << 10, 65536, 1 << 10), 90: (64, 32, 228 << 10, 65536, 1 << 10)}


def occupancy(architecture, registers, shared):
    warps, blocks, memory, file, extra = LIMITS[architecture]
    of_block = THREADS // 32
    by_registers = file // (-(-registers * 32 // 256) * 256 * of_block)
    granule = 256 if architecture == 75 else 128
    by_memory = memory // max(1, -(-(shared + extra) // granule) * granule) if shared + extra else blocks
    return min(blocks, warps // of_block, by_registers, by_memory) * of_block / warps


def kernels(ptxas, path, architecture):
    log = subprocess.run([ptxas, "-v", f"-arch=sm_{architecture}", str(path), "-o", "/dev/null"], capture_output=True, text=True, check=True).stderr
    for entry, rest in re.findall(r"entry function '(\w+)'.*?\n(.*?)(?=ptxas info\s+: Compiling|\Z)", log, re.S):
        registers = int(re.search(r"Used (\d+) registers", rest)[1])
        shared = re.search(r"(\d+) bytes smem", rest)
        spilled = re.search(r"(\d+) bytes spill stores", rest)
        bytes_shared = int(shared[1]) if shared else 0
        yield entry, {"registers": registers, "shared_bytes": bytes_shared, "spilled_bytes": int(spilled[1]) if spilled else 0, "occupancy": occupancy(architecture, registers, bytes_shared)}


SCHEMA = "pipeline p\nschema Row {{\n  f0..f27 : float?\n  y : bool\n}}\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows {{\n  {}\n}}\nmodel m = {} {{\n  predict y from x\n{}\n}}\n"
CHAIN = "each(float) |> impute |> log_signed |> standardize |> clamp(-2, 2)"
SPECS = {"features": SCHEMA.format(CHAIN, "gbdt", ""), "network": SCHEMA.format(CHAIN, "network", "  layers = dense(64, relu) |> dense(64, relu) |> dense(1)")}

mlp, ptxas, own = sys.argv[1:4]
out = {"name": "device-occupancy", "threads": THREADS, "ptxas": re.search(r"V([\d.]+)", subprocess.run([ptxas, "--version"], capture_output=True, text=True, check=True).stdout)[1], "kernels": {}}
with tempfile.TemporaryDirectory() as folder:
    texts = {"own": pathlib.Path(own).read_bytes().rstrip(b"\0")}
    for name, spec in SPECS.items():
        path = pathlib.Path(folder) / f"{name}.mlp"
        path.write_text(spec)
        texts[name] = subprocess.run([mlp, "plan", str(path), "--emit=ptx"], capture_output=True, check=True).stdout
    for name, text in texts.items():
        path = pathlib.Path(folder) / f"{name}.ptx"
        path.write_bytes(text)
        least = int(re.search(rb"\.target sm_(\d+)", text)[1])
        for architecture in LIMITS:
            if architecture >= least:
                for entry, found in kernels(ptxas, path, architecture):
                    out["kernels"].setdefault(f"{name}.{entry}", {})[f"sm_{architecture}"] = found
print(json.dumps(out))
