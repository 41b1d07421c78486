"""The benchmarks: what is done, against whom, and the least ratio that is asked for."""
import harness
from harness import Benchmark, Case

FORESTS = [(100, 31), (500, 63), (1000, 255)]


def close(tolerance, peer_writes_scores=False):
    """Verifies that both sides wrote the same numbers; the peer's may be the scores behind probabilities."""
    def verify(ours, peer):
        import numpy as np
        a, b = (np.fromfile(harness.DATA / side["output"], np.float64) for side in (ours, peer))
        if peer_writes_scores:
            b = 1 / (1 + np.exp(-b))
        if a.shape != b.shape or not len(a):
            raise harness.Failed(f"outputs differ in size: {a.shape} and {b.shape}")
        worst = float(np.abs(a - b).max())
        if not worst <= tolerance:
            raise harness.Failed(f"outputs differ by {worst:g}, {tolerance:g} is allowed")
        return f"{len(a):,} predictions differ by at most {worst:.1e}"
    return verify


def trees_batch(peer, title, goal):
    import trees

    def case(shape, columns, missing):
        rows = max(20_000, 1_000_000 // shape[0])

        def prepare():
            name, paths = trees.prepare(*shape, columns, missing, rows)
            model = paths["lightgbm" if peer == "lleaves" else peer]
            return ([harness.DATA / "bench_trees", paths["library"], name, paths["rows"], columns, f"{name}.ours", "batch"],
                    script("peers/trees.py", peer, model, paths["rows"], columns, f"{name}.{peer}", 1))
        return Case(f"{shape[0]}x{shape[1]}, {columns} features{', 10% missing' if missing else ''}", goal(shape), prepare, close(2e-5), unit=f"{rows:,} rows")
    return Benchmark(f"trees-batch-{peer}", title, "rows of raw floats through a forest, one call, one thread",
                     [case(s, c, m) for s in FORESTS for c in (28, 200) for m in (False, True)])


def onnx_row(model, rows, output, *names):
    library = next((harness.PEERS / "lib").glob("python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*"))
    return [harness.DATA / "bench_onnx_row", library, model, rows, 28, output, *names]


def trees_row():
    def case(shape):
        def prepare():
            import trees
            name, paths = trees.prepare(*shape, 28, False, 20_000)
            return ([harness.DATA / "bench_trees", paths["library"], name, paths["rows"], 28, f"{name}.ours.row", "row"],
                    onnx_row(paths["onnxruntime"], paths["rows"], f"{name}.onnxruntime.row", "x", "y"))
        return Case(f"{shape[0]}x{shape[1]}, 28 features", 10, prepare, close(2e-5), limit=0.6e-6 if shape == (100, 31) else None, unit="median of 20,000 rows, one a call")
    return Benchmark("trees-row-onnxruntime", "ONNX Runtime C API", "one row of raw floats a call, one thread", [case(s) for s in FORESTS])


def same_quality(labels):
    """Verifies that the probabilities of both order the test rows alike."""
    def verify(ours, peer):
        import numpy as np
        import training
        truth = np.fromfile(harness.DATA / labels, np.uint8)
        a, b = (training.auc(np.fromfile(harness.DATA / side["output"], np.float64), truth) for side in (ours, peer))
        if not a >= b - 0.001:
            raise harness.Failed(f"test AUC {a:.5f} is more than 0.001 below the peer's {b:.5f}")
        return f"test AUC {a:.5f} against {b:.5f}"
    return verify


def gbdt_train(name, peer, title, goals, cases, loss=None):
    source = "loss mine(y: bool, score: float) -> float {\n  let p = sigmoid(score)\n  if y then -(1 - p) ^ 2 * log(p) else -p ^ 2 * log(1 - p)\n}"

    def case(kind, leaves, threads):
        def prepare():
            import training
            name, paths, widths = training.prepare(kind, 1_000_000, 200_000)
            arguments = [*paths[:3], widths, threads]
            ours = [harness.DATA / "bench_train", "gbdt", *arguments, f"{name}.ours", 100, leaves]
            theirs = script("peers/train.py", peer, *arguments, f"{name}.{peer}", 100, leaves)
            return (ours + [source], theirs + ["focal"]) if loss else (ours, theirs)
        return Case(f"{kind}, {leaves} leaves, {threads} thread{'s' if threads > 1 else ''}", goals, prepare,
                    same_quality(f"{kind}_1000000x{28 if kind == 'dense' else 8}.test.u8"), cores=tuple(range(threads)))
    return Benchmark(name, title, "gbdt, 1M rows x 28 numbers and 1M x 8 airline-like, 100 trees", [case(*c) for c in cases])


def same_table(share):
    """Verifies that both wrote the same probabilities, but for rows on the edge of a split in single precision."""
    def verify(ours, peer):
        import numpy as np
        import pandas
        a, b = (pandas.read_csv(harness.DATA / side["output"])["p_true"].to_numpy() for side in (ours, peer))
        if len(a) != len(b) or not len(a):
            raise harness.Failed(f"outputs differ in size: {len(a)} and {len(b)}")
        off = float(np.mean(np.abs(a - b) > 1e-5))
        if off > share:
            raise harness.Failed(f"{off:.4%} of the predictions differ, {share:.4%} may")
        return f"{len(a):,} predictions, {off:.4%} differ by more than 1e-5"
    return verify


def near_optimum(ours, peer):
    """Verifies that our objective, too, lies within 1e-6 of the optimum."""
    import numpy as np
    x = np.fromfile(harness.DATA / "dense_1000000x28.train.f32", np.float32).reshape(-1, 28).astype(np.float64)
    s = np.where(np.fromfile(harness.DATA / "dense_1000000x28.train.u8", np.uint8) > 0, 1.0, -1.0)
    w = np.array(ours["weights"])
    f = np.logaddexp(0, -s * (x @ w[1:] + w[0])).sum() + 0.5 * w[1:] @ w[1:]
    if not f <= peer["best"] * (1 + 1e-6):
        raise harness.Failed(f"objective {f!r} is not within 1e-6 of the optimum {peer['best']!r}")
    return f"objectives {f:.6f} and {peer['objective']:.6f}, optimum {peer['best']:.6f}; the peer's tolerance {peer['tolerance']:g}"


def answered(ours, peer):
    for side in (ours, peer):
        if "[" not in side["reply"]:
            raise harness.Failed(f"no prediction in the reply: {side['reply']}")
    return "both reply with a prediction"


def ran(ours, peer):
    return "exit code 0"


def script(*arguments):
    return [harness.PYTHON, *[harness.ROOT / "bench" / arguments[0], *arguments[1:]]]


def linear(peer, title):
    def prepare():
        import training
        name, paths, widths = training.prepare("dense", 1_000_000, 200_000)
        return ([harness.DATA / "bench_train", "linear", *paths[:3], widths, 1, f"{name}.linear", 1],
                script("peers/linear.py", peer, *paths[:2], 28))
    return Benchmark(f"linear-{peer}", title, "logistic regression, 1M rows x 28, to an objective within 1e-6 of the optimum", [Case("logistic", 10, prepare, near_optimum)])


def pipeline(name, peer, kind, model, goal):
    def prepare():
        import pipeline
        paths = pipeline.prepare()
        return (script("workers/command.py", "whole.ours.csv", paths["artifact"], "score", "--threads", 1, "--input", paths["rows"], "--output", "whole.ours.csv"),
                script("peers/pipeline.py", kind, paths[model], paths["train"], paths["rows"], f"whole.{kind}.csv"))
    return Benchmark(name, peer, "2M rows of CSV, 12 numbers, 6 categories, 1 moment, to a CSV of predictions", [Case("2M rows", goal, prepare, same_table(0.002))])


def same_bytes(ours, peer):
    a, b = ((harness.DATA / side["output"]).read_bytes() for side in (ours, peer))
    if a != b or not a:
        raise harness.Failed("the outputs differ")
    return f"{len(a):,} equal bytes"


def passes():
    import pipeline

    def score(name):
        def prepare():
            paths = pipeline.prepare()
            return [script("workers/command.py", f"{output}.csv", program, "score", "--threads", 1, "--input", paths["rows"], "--output", f"{output}.csv")
                    for program, output in ((paths["artifact"], "whole.with"), (pipeline.without(name), "whole.left_out"))]
        return prepare

    def features(name):
        def prepare():
            paths = pipeline.prepare()
            return [script("workers/batch.py", program) for program in (paths["artifact"], pipeline.without(name))]
        return prepare

    def train(name):
        def prepare():
            pipeline.prepare_fit()
            return [script("workers/command.py", "-", harness.MLP, "train", "whole_fit.mlp", "--no-cache", "--threads", 1, "--store", f"store.{name}", *switch) for switch in ([], ["--disable-pass", name])]
        return prepare
    names = pipeline.passes() if harness.MLP.exists() else []
    cases = [Case(f"score, {name}", 0.95, score(name), same_bytes, unit="2M rows") for name in names]
    cases += [Case(f"features and forest, {name}", 0.95, features(name), ran, unit="a row") for name in names]
    cases += [Case(f"train, {name}", 0.95, train(name), ran, unit="100,000 rows, 1 tree") for name in names]
    return Benchmark("passes", "the same without a pass", "each pass of the compiler on and off: CSV to predictions, features and forest in blocks, training", cases)


def same_columns(ours, peer):
    """Verifies that both read the same columns: sums of values, bytes of texts, and how many are there."""
    for i, (a, b) in enumerate(zip(ours["columns"], peer["columns"], strict=True)):
        if a[1] != b[1] or abs(a[0] - b[0]) > 1e-9 * abs(b[0]):
            raise harness.Failed(f"column {i}: {a} and {b}")
    return f"{len(ours['columns'])} columns of {max(n for _, n in ours['columns']):,} rows, equal sums and counts"


def reading(peer, title):
    def case(kind):
        def prepare():
            import typed
            path, letters = typed.prepare(kind)
            return [harness.DATA / "bench_csv", path, letters, 2], script("peers/csv_reader.py", peer, path, letters)
        return Case(kind, 1.5, prepare, same_columns, cores=(0, 1), unit="a file of 320 MB")
    return Benchmark(f"csv-{peer}", title, "a CSV into typed columns in memory, two threads", [case(k) for k in ("numeric", "mixed", "20% quoted")])


def serving(name, peer, rate_goal, p99_goal):
    def prepare_mode(mode):
        def prepare():
            import json
            import numpy as np
            import trees
            made, paths = trees.prepare(100, 31, 28, False, 20_000)
            program = harness.DATA / f"{made}.serve"
            trees.mlp("build", f"{made}.mlp", "--store", "store", "-o", program)
            row = np.fromfile(paths["rows"], np.float32)[:28].astype(float)
            (harness.DATA / "v2.json").write_text(json.dumps({"inputs": [{"name": f"f{i}", "shape": [1], "datatype": "FP64", "data": [v]} for i, v in enumerate(row)]}))
            (harness.DATA / "rows.json").write_text(json.dumps({"instances": [row.tolist()]}))
            ours = script("peers/load.py", mode, 2, 32, 8391, f"/v2/models/{made}/infer", "v2.json", program, "serve", "--port", 8391, "--threads", 1)
            if name == "serve-epoll":
                return ours, script("peers/load.py", mode, 2, 32, 8392, "/infer", "v2.json", harness.DATA / "bench_epoll", 8392)
            return ours, script("peers/load.py", mode, 2, 32, 8393, "/infer", "rows.json", harness.PYTHON, "-m", "uvicorn", "--app-dir", harness.ROOT / "bench" / "peers", "app:app",
                                "--port", 8393, "--log-level", "error", "--no-access-log")
        return prepare
    environment = {"MODEL": str(harness.DATA / "trees_100x31_28.xgb.json")}
    cases = [Case("rate, 32 connections", rate_goal, prepare_mode("rate"), answered, cores=(0, 1), unit="a request", environment=environment)]
    if p99_goal:
        cases.append(Case("p99, 32 connections", p99_goal, prepare_mode("p99"), answered, cores=(0, 1), unit="99th percentile of the latency", environment=environment))
    return Benchmark(name, peer, "POST of 28 numbers as JSON, decoded, checked and scored; server and client on a core each", cases)


def compiling():
    def prepare():
        import trees
        made, paths = trees.prepare(1000, 31, 28, False, 20_000)
        return (script("workers/command.py", "-", harness.MLP, "build", f"{made}.mlp", "--store", "store", "-o", f"{made}.built"), script("peers/compile.py", paths["lightgbm"]))
    return Benchmark("compile-lleaves", "lleaves compile", "a trained spec of 1,000 trees to an artifact", [Case("1000x31", 50, prepare, ran, limit=1)])


def same_curve(tolerance):
    """Verifies that both sides' losses fall alike, from the same weights over the same rows."""
    def verify(ours, peer):
        import numpy as np
        a, b = (np.fromfile(harness.DATA / side["output"], np.float64) for side in (ours, peer))
        worst = float(np.abs(a / b - 1).max())
        if a.shape != b.shape or not worst <= tolerance:
            raise harness.Failed(f"losses differ by {worst:.2%}")
        return f"{len(a)} losses differ by at most {worst:.1e}, relatively"
    return verify


NETWORKS = ("images", "normalised", "embeddings", "convolution", "recurrence", "attention")   # of workers/network.cpp


def from_our_weights(ours, peer):
    """A pair of commands, of which ours first runs once, for the weights that it writes and the peer starts from."""
    worker = harness.Worker(ours, (0,))
    worker.close()
    return ours, peer


def network_step(mode, goal):
    def case(network, goal, steps, threads, name=None, rounded=()):
        def prepare():
            stem = "_".join(map(str, ("network", network, *rounded)))
            return from_our_weights([harness.DATA / "bench_network", "step", network, threads, steps, f"{stem}.start.f32", f"{stem}.ours", *rounded],
                                    script("peers/network.py", "step", mode, network, threads, steps, f"{stem}.start.f32", f"{stem}.{mode}", *rounded))
        full = ", ".join((name or network, *rounded, *(("2 threads",) if threads == 2 else ())))
        return Case(full, goal, prepare, same_curve(0.03 if rounded else 0.01), cores=tuple(range(threads)), unit="a step of 256 rows")

    def cases(threads):
        return ([case(w, goal, steps, threads, f"width {w}") for w, steps in ((64, 500), (256, 100), (1024, 20))]
                + [case(w, 1, steps, threads, f"width {w}", ("bf16",)) for w, steps in ((256, 100), (1024, 20))]
                + [case(n, 1, 200 if n == "embeddings" else 20, threads) for n in NETWORKS])
    return Benchmark(f"network-step-{mode}", f"PyTorch, {mode}", "training by adam, as many threads on both sides: three dense layers, and smaller networks of other kinds", cases(1) + cases(2))


def network_score(mode):
    def case(network):
        def prepare():
            names = f"network_{network}.weights.f32", f"network_{network}.scores.ours", f"network_{network}.scores.{mode}"
            return from_our_weights([harness.DATA / "bench_network", "score", network, 4096, names[0], names[1]],
                                    script("peers/network.py", "score", mode, network, 1, 4096, names[0], names[2]))
        return Case(network, 1, prepare, close(1e-4), unit="4,096 rows")
    return Benchmark(f"network-score-{mode}", f"PyTorch, {mode}", "scoring 4,096 rows in one call, one thread, no gradients", [case(n) for n in NETWORKS if n != "normalised"])   # its means of batches are ours from training, which the weights leave out


def network_row():
    def prepare():
        import networks
        name, paths = networks.prepare(28, (64, 64), 20_000)
        return ([harness.DATA / "bench_trees", paths["library"], name, paths["rows"], 28, f"{name}.ours.row", "row"],
                onnx_row(paths["onnx"], paths["rows"], f"{name}.onnxruntime.row", "numbers", "score"))
    return Benchmark("network-row-onnxruntime", "ONNX Runtime C API", "one row of 28 raw floats through dense layers of 64 and 64 a call, one thread",
                     [Case("28-64-64-1", 10, prepare, close(1e-5, peer_writes_scores=True), limit=0.4e-6, unit="median of 20,000 rows, one a call")])


def network_batch():
    def prepare():
        import networks
        name, paths = networks.prepare(1024, (1024, 1024), 4096)
        return ([harness.DATA / "bench_trees", paths["library"], name, paths["rows"], 1024, f"{name}.ours", "batch"],
                [harness.DATA / "bench_onednn", harness.PEERS / "lib" / "libdnnl.so.3", paths["weights"], paths["rows"], f"{name}.onednn", 1024, 1024, 1024, 1])
    return Benchmark("network-batch-onednn", "oneDNN sgemm, its products alone", "4,096 rows of 1,024 raw floats through dense layers of 1,024 and 1,024: the whole network against the products in it, one thread",
                     [Case("1024-1024-1024-1", 0.85, prepare, close(1e-5, peer_writes_scores=True), unit="4,096 rows")])


def startup():
    def check():
        import trees
        trees.prepare(100, 31, 28, False, 20_000)
        return script("workers/command.py", "-", harness.MLP, "check", "trees_100x31_28.mlp"), None

    def artifact():
        import trees
        made, _ = trees.prepare(100, 31, 28, False, 20_000)
        trees.mlp("build", f"{made}.mlp", "--store", "store", "-o", f"{made}.exe")
        return script("workers/command.py", "-", harness.DATA / f"{made}.exe", "info"), None
    return Benchmark("startup", "none", "a process from start to end", [Case("mlp check", 0, check, ran, limit=0.020), Case("an artifact", 0, artifact, ran, limit=0.005)])


def benchmarks():
    grid = [(kind, leaves, threads) for kind in ("dense", "airline") for leaves in (31, 255) for threads in (1, 2)]
    return [
        trees_batch("xgboost", "XGBoost C API in place", lambda s: 25 if s == (100, 31) else 10),
        trees_batch("onnxruntime", "ONNX Runtime", lambda s: 10),
        trees_row(),
        trees_batch("lightgbm", "LightGBM C API", lambda s: 10),
        trees_batch("lleaves", "lleaves", lambda s: 4),
        gbdt_train("gbdt-train-xgboost", "xgboost", "XGBoost hist", {"whole": 3, "a tree": 2}, grid),
        gbdt_train("gbdt-train-lightgbm", "lightgbm", "LightGBM", {"whole": 1.3}, grid),
        gbdt_train("user-loss-lightgbm", "lightgbm", "LightGBM, loss in Python", {"whole": 10}, [("dense", 31, 1)], loss="focal"),
        linear("liblinear", "liblinear -s 0"),
        linear("sklearn", "scikit-learn lbfgs"),
        pipeline("pipeline-sklearn", "scikit-learn + XGBoost", "sklearn", "xgboost", 20),
        pipeline("pipeline-duckdb-onnxruntime", "DuckDB + ONNX Runtime", "duckdb", "onnxruntime", 3),
        reading("duckdb", "DuckDB, CREATE TABLE"),
        reading("polars", "Polars, read_csv"),
        serving("serve-epoll", "epoll with a fixed reply", 0.8, 1 / 1.3),
        serving("serve-fastapi", "FastAPI + XGBoost", 20, None),
        compiling(),
        network_step("eager", 2),
        network_step("compile", 1.2),
        network_score("eager"),
        network_score("compile"),
        network_row(),
        network_batch(),
        startup(),
        passes(),
    ]
