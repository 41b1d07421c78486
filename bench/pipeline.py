"""The whole way from a CSV file to predictions: 12 numbers with gaps, 6 categories, 1 moment. Data, spec, and the peers' model."""
import json

import numpy as np

import harness
import trees

NUMBERS, WIDTHS = 12, (10, 50, 200, 1000, 5000, 10_000)
TRAIN_ROWS, ROWS = 100_000, 2_000_000


def frame(count, seed):
    import pandas
    r = np.random.default_rng(seed)
    fixed = np.random.default_rng(4)
    data, score = {}, np.zeros(count)
    for i in range(NUMBERS):
        v = np.round(r.lognormal(i % 4, 1, count) if i % 2 else r.normal(10 * i, 5, count), 4)
        score += np.sin(v / (3 + i)) / 2
        v[r.random(count) < 0.05] = np.nan
        data[f"n{i}"] = v
    for i, width in enumerate(WIDTHS):
        code = (width * r.random(count) ** 2).astype(int)
        score += fixed.standard_normal(width)[code] / 3
        data[f"c{i}"] = np.array([f"c{i}_{k:05d}" for k in range(width)])[code]
    at = r.integers(1_577_836_800, 1_735_689_600, count)
    score += ((at // 3600) % 24 > 17) * 0.7
    data["at"] = np.datetime_as_string(at.astype("datetime64[s]"))
    return pandas.DataFrame(data), r.random(count) < 1 / (1 + np.exp(-score))


SPEC = "\n".join([
    "pipeline whole", "schema Row {", f"  n0..n{NUMBERS - 1} : float?", *(f"  c{i} : category" for i in range(len(WIDTHS))), "  at : timestamp", "  y : bool", "  part : category", "}",
    'source rows_in: Row = csv("whole.csv")', "features x from rows_in {", '  columns("n*") |> impute(median) |> standardize',
    *(f"  c{i} |> ordinal" for i in range(len(WIDTHS))), "  h = hour(at)", "  d = weekday(at)", "  m = month(at)", "}",
    "split rows_in { by = column(part) }", "model m = gbdt {", "  predict y from x", "  trees = 200", "  leaves = 31", "}", ""])


def passes():
    """The compiler's passes by name; one that stands in both of its lists is switched in both."""
    import subprocess
    out = subprocess.run([harness.MLP, "plan", "--passes"], capture_output=True, text=True, check=True).stdout
    return list(dict.fromkeys(line.split(":")[0] for line in out.splitlines()))


def without(name):
    """An artifact of the same pipeline that was compiled without a pass."""
    prepare()
    program = harness.DATA / f"whole.without.{name}"
    if not program.exists() or program.stat().st_mtime_ns < harness.MLP.stat().st_mtime_ns:
        trees.mlp("build", "whole.mlp", "--store", "store", "--disable-pass", name, "-o", program)
    return program


def prepare_fit():
    """The same pipeline with one tree: what is left of training is reading, fitting and measuring."""
    prepare()
    (harness.DATA / "whole_fit.mlp").write_text(SPEC.replace("trees = 200", "trees = 1").replace("pipeline whole", "pipeline whole_fit"))


def prepare():
    """Paths of the artifact, the rows, and what the peers need: the forest, and what was fitted, by feature."""
    harness.DATA.mkdir(parents=True, exist_ok=True)
    base = harness.DATA / "whole"
    paths = {"artifact": base, "rows": harness.DATA / "whole_rows.csv", "xgboost": base.with_suffix(".xgb.json"), "onnxruntime": base.with_suffix(".onnx"), "train": base.with_suffix(".csv")}
    stamp = base.with_suffix(".made")
    made_from = f"{harness.MLP.stat().st_mtime_ns}\n{SPEC}"
    if not paths["rows"].exists():
        frame(ROWS, 31)[0].to_csv(paths["rows"], index=False)
    if not stamp.exists() or stamp.read_text() != made_from:
        harness.note("training the whole pipeline")
        x, y = frame(TRAIN_ROWS, 30)
        x["y"] = np.where(y, "true", "false")
        x["part"] = np.where(np.arange(TRAIN_ROWS) % 10 == 0, "test", "train")
        x.to_csv(paths["train"], index=False)
        base.with_suffix(".mlp").write_text(SPEC)
        store = harness.DATA / "store"
        trees.mlp("train", base.with_suffix(".mlp"), "--store", store)
        trees.mlp("build", base.with_suffix(".mlp"), "--store", store, "-o", paths["artifact"])
        run = json.loads(trees.mlp("train", base.with_suffix(".mlp"), "--store", store, "--json"))["package"]
        start, forest = trees.forest(store / ".mlp" / "objects" / run[:2] / f"{run[2:]}.mlpkg")
        trees.write_xgboost(paths["xgboost"], start, forest, NUMBERS + len(WIDTHS) + 3)
        trees.write_onnx(paths["onnxruntime"], start, forest, NUMBERS + len(WIDTHS) + 3)
        stamp.write_text(made_from)
    return paths
