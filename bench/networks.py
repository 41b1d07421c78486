"""Networks for the benchmarks: trained by mlp, built as a library, and written as ONNX by `mlp export`."""

import numpy as np

import harness
from trees import mlp

TRAIN_ROWS = 5_000


def rows(count, columns, seed):
    return np.random.default_rng(seed).uniform(-1, 1, (count, columns)).astype(np.float32)


def spec(name, columns, layers):
    return "\n".join([
        f"pipeline {name}", "schema Row {", f"  f0..f{columns - 1} : float", "  y : bool", "}", f'source rows_in: Row = csv("{name}.csv")',
        "features x from rows_in {", '  columns("f*")', "}", "split rows_in { train = 90%, valid = 0%, test = 10%, by = random }",
        "model m = network {", "  predict y from x", f"  layers = {layers}", "  epochs = 1", "}", ""])


def prepare(columns, widths, test_rows):
    """Dense layers with relu between them, to the score of a probability: (name, paths of everything); made once and kept."""
    name = f"network_{'_'.join(map(str, (columns, *widths)))}"
    harness.DATA.mkdir(parents=True, exist_ok=True)
    base = harness.DATA / name
    paths = {"library": base.with_suffix(".so"), "onnx": base.with_suffix(".onnx"), "weights": base.with_suffix(".weights.f32"), "rows": harness.DATA / f"numbers_{columns}_{test_rows}.f32"}
    spec_file, stamp = base.with_suffix(".mlp"), base.with_suffix(".made")
    if not paths["rows"].exists():
        rows(test_rows, columns, 3).tofile(paths["rows"])
    text = spec(name, columns, " |> ".join([*(f"dense({w}, relu)" for w in widths), "dense(1)"]))
    made_from = f"{harness.MLP.stat().st_mtime_ns}\n{text}"
    if not stamp.exists() or stamp.read_text() != made_from:
        harness.note(f"training {name}")
        import onnx
        import pandas
        x = rows(TRAIN_ROWS, columns, 1)
        frame = pandas.DataFrame(x, columns=[f"f{i}" for i in range(columns)])
        frame["y"] = np.where(x[:, 0] + x[:, 1] * x[:, 2] > 0, "true", "false")
        frame.to_csv(base.with_suffix(".csv"), index=False)
        spec_file.write_text(text)
        store = harness.DATA / "store"
        mlp("train", spec_file, "--store", store, "--no-cache")
        mlp("build", spec_file, "--store", store, "--kind=lib", "-o", paths["library"])
        mlp("export", spec_file, "--store", store, "--onnx", paths["onnx"])
        tensors = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(paths["onnx"]).graph.initializer}
        with open(paths["weights"], "wb") as out:  # layer by layer: the matrix, then the offsets
            for n in range(1, len(widths) + 2):
                for part in "wb":
                    out.write(tensors[f"dense_{n}.{part}"].tobytes())
        stamp.write_text(made_from)
    return name, paths
