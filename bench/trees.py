"""Forests for the benchmarks: trained by mlp, built as a library, and written in the formats of the peers.

All hold the same trees. Rows are floats of single precision; `value <= threshold` of ours is the same decision as
`value < next float` (XGBoost) and `value <= float below` (ONNX), so every row reaches the same leaf everywhere.
"""
import json
import struct
import subprocess

import numpy as np

import harness

TRAIN_ROWS = 50_000


def rows(count, columns, missing, seed):
    """Columns of different shape; what a tree can learn lies in some of them."""
    r = np.random.default_rng(seed)
    x = r.standard_normal((count, columns), dtype=np.float32)
    x[:, 1::4] = np.exp(x[:, 1::4])
    x[:, 2::4] = np.round(x[:, 2::4] * 8)
    if missing:
        x[r.random(x.shape) < missing] = np.nan
    return x


def labels(x, seed):
    z = np.nan_to_num(x)
    r = np.random.default_rng(seed)
    used = min(x.shape[1], 40)
    w = np.random.default_rng(5).standard_normal(used)
    score = z[:, :used] @ w / 3 + np.sin(2 * z[:, 0]) * z[:, 4 % used] + (z[:, 2] > 3) * z[:, 3]
    return r.random(len(x)) < 1 / (1 + np.exp(-score))


def spec(name, columns, missing, trees, leaves):
    return "\n".join([
        f"pipeline {name}", "schema Row {", f"  f0..f{columns - 1} : float{'?' if missing else ''}", "  y : bool", "}",
        f'source rows_in: Row = csv("{name}.csv")', "features x from rows_in {", '  columns("f*")', "}",
        "split rows_in { train = 90%, valid = 0%, test = 10%, by = random }",
        "model m = gbdt {", "  predict y from x", f"  trees = {trees}", f"  leaves = {leaves}", "  learning_rate = 0.1", "}", ""])


def mlp(*arguments):
    done = subprocess.run([harness.MLP, *map(str, arguments)], cwd=harness.DATA, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise harness.Failed(f"mlp {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def forest(package):
    """The tensors of a package (runtime/package/README.md)."""
    data = package.read_bytes()
    at, sections = 12, []
    for _ in range(4):
        (size,) = struct.unpack_from("<Q", data, at)
        sections.append(data[at + 8:at + 8 + size])
        at += 8 + size
    tensors = sections[3]
    (size,) = struct.unpack_from("<Q", tensors, 0)
    kinds = {"F64": np.float64, "I64": np.int64, "I32": np.int32, "U8": np.uint8, "U64": np.uint64}
    out = {}
    for key, value in json.loads(tensors[8:8 + size]).items():
        if key == "__metadata__":
            continue
        begin, end = value["data_offsets"]
        out[key] = np.frombuffer(tensors[8 + size + begin:8 + size + end], kinds[value["dtype"]])
    ends = out["tree.feature.ends"]
    fields = ("feature", "threshold", "left", "right", "default_left", "value")
    trees = [{f: out[f"tree.{f}"][(ends[t - 1] if t else 0):ends[t]] for f in fields} for t in range(len(ends))]
    return float(out["forest.base"][0]), trees


def float_below(v):
    f = v.astype(np.float32)
    return np.where(f.astype(np.float64) <= v, f, np.nextafter(f, np.float32(-np.inf))).astype(np.float32)


def write_lightgbm(path, base, trees, columns):
    head = ["tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0", f"max_feature_idx={columns - 1}",
             "objective=binary sigmoid:1", "feature_names=" + " ".join(f"f{i}" for i in range(columns)),
             "feature_infos=" + " ".join(["[-1e30:1e30]"] * columns)]
    blocks = []
    for number, t in enumerate(trees):
        split = np.flatnonzero(t["left"] >= 0)
        leaf = np.flatnonzero(t["left"] < 0)
        place = np.zeros(len(t["left"]), np.int64)
        place[split] = np.arange(len(split))
        place[leaf] = -1 - np.arange(len(leaf))
        value = t["value"][leaf] + (base if number == 0 else 0)  # there is no other place for the start value
        join = lambda v, f="{}": " ".join(f.format(i) for i in v)
        blocks.append("\n".join([f"Tree={number}", f"num_leaves={len(leaf)}", "num_cat=0", "split_feature=" + join(t["feature"][split]),
                  "split_gain=" + join([1] * len(split)), "threshold=" + join(t["threshold"][split], "{!r}").replace("np.float64(", "").replace(")", ""),
                  "decision_type=" + join(8 + 2 * t["default_left"][split].astype(int)), "left_child=" + join(place[t["left"][split]]),
                  "right_child=" + join(place[t["right"][split]]), "leaf_value=" + join((float(v) for v in value), "{!r}"),
                  "leaf_weight=" + join([1] * len(leaf)), "leaf_count=" + join([1] * len(leaf)), "internal_value=" + join([0] * len(split)),
                  "internal_weight=" + join([1] * len(split)), "internal_count=" + join([2] * len(split)), "is_linear=0", "shrinkage=1", "", "", ""]))
    head.append("tree_sizes=" + " ".join(str(len(block)) for block in blocks))
    path.write_text("\n".join([*head, "", "".join(blocks) + "end of trees", "", "pandas_categorical:null", ""]))


def write_xgboost(path, base, trees, columns):
    out = []
    for number, t in enumerate(trees):
        n = len(t["left"])
        leaf = t["left"] < 0
        condition = np.where(leaf, t["value"].astype(np.float32), np.nextafter(float_below(t["threshold"]), np.float32(np.inf)))
        parents = np.full(n, 2147483647, np.int64)
        for child in ("left", "right"):
            parents[t[child][~leaf]] = np.flatnonzero(~leaf)
        out.append({"base_weights": [0.0] * n, "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
                    "default_left": t["default_left"].astype(int).tolist(), "id": number, "left_children": t["left"].tolist(), "loss_changes": [0.0] * n,
                    "parents": parents.tolist(), "right_children": t["right"].tolist(), "split_conditions": [float(c) for c in condition],
                    "split_indices": np.where(leaf, 0, t["feature"]).tolist(), "split_type": [0] * n, "sum_hessian": [1.0] * n,
                    "tree_param": {"num_deleted": "0", "num_feature": str(columns), "num_nodes": str(n), "size_leaf_vector": "1"}})
    probability = 1 / (1 + np.exp(-base))
    whole = {"learner": {"attributes": {}, "feature_names": [], "feature_types": [],
                         "gradient_booster": {"model": {"cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
                                                        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
                                                        "iteration_indptr": list(range(len(trees) + 1)), "tree_info": [0] * len(trees), "trees": out}, "name": "gbtree"},
                         "learner_model_param": {"base_score": f"[{probability:.9E}]", "boost_from_average": "1", "num_class": "0", "num_feature": str(columns), "num_target": "1"},
                         "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}}}, "version": [3, 2, 0]}
    path.write_text(json.dumps(whole))


def write_onnx(path, base, trees, columns):
    from onnx import TensorProto, checker, helper, save
    a = {k: [] for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    target = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    for number, t in enumerate(trees):
        n = len(t["left"])
        leaf = t["left"] < 0
        a["treeids"] += [number] * n
        a["nodeids"] += range(n)
        a["featureids"] += np.where(leaf, 0, t["feature"]).tolist()
        a["values"] += np.where(leaf, 0, float_below(t["threshold"])).astype(np.float32).tolist()
        a["modes"] += ["LEAF" if x else "BRANCH_LEQ" for x in leaf]
        a["truenodeids"] += np.where(leaf, 0, t["left"]).tolist()
        a["falsenodeids"] += np.where(leaf, 0, t["right"]).tolist()
        a["missing_value_tracks_true"] += np.where(leaf, 0, t["default_left"]).tolist()
        at = np.flatnonzero(leaf)
        target["treeids"] += [number] * len(at)
        target["nodeids"] += at.tolist()
        target["ids"] += [0] * len(at)
        target["weights"] += t["value"][at].astype(np.float32).tolist()
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["score"], domain="ai.onnx.ml", n_targets=1, base_values=[base], aggregate_function="SUM",
                            **{f"nodes_{k}": v for k, v in a.items()}, **{f"target_{k}": v for k, v in target.items()})
    graph = helper.make_graph([node, helper.make_node("Sigmoid", ["score"], ["y"])], "trees", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, columns])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, path)


def prepare(trees, leaves, columns, missing, test_rows):
    """Returns (name, paths of everything); made once and kept."""
    name = f"trees_{trees}x{leaves}_{columns}{'_missing' if missing else ''}"
    harness.DATA.mkdir(parents=True, exist_ok=True)
    base = harness.DATA / name
    paths = {"library": base.with_suffix(".so"), "rows": harness.DATA / f"rows_{columns}{'_missing' if missing else ''}_{test_rows}.f32", "xgboost": base.with_suffix(".xgb.json"),
             "lightgbm": base.with_suffix(".lgb.txt"), "onnxruntime": base.with_suffix(".onnx")}
    spec_file, stamp = base.with_suffix(".mlp"), base.with_suffix(".made")
    share = 0.1 if missing else 0
    if not paths["rows"].exists():
        rows(test_rows, columns, share, 3).tofile(paths["rows"])
    text = spec(name, columns, missing, trees, leaves)
    made_from = f"{harness.MLP.stat().st_mtime_ns}\n{text}"
    if not stamp.exists() or stamp.read_text() != made_from:
        harness.note(f"training {name}")
        x = rows(TRAIN_ROWS, columns, share, 1)
        y = labels(x, 2)
        import pandas
        frame = pandas.DataFrame(x, columns=[f"f{i}" for i in range(columns)])
        frame["y"] = np.where(y, "true", "false")
        frame.to_csv(base.with_suffix(".csv"), index=False)
        spec_file.write_text(text)
        store = harness.DATA / "store"
        mlp("train", spec_file, "--store", store, "--no-cache")
        mlp("build", spec_file, "--store", store, "--kind=lib", "-o", paths["library"])
        run = json.loads(mlp("train", spec_file, "--store", store, "--json"))["package"]
        start, made = forest(store / ".mlp" / "objects" / run[:2] / f"{run[2:]}.mlpkg")
        write_lightgbm(paths["lightgbm"], start, made, columns)
        write_xgboost(paths["xgboost"], start, made, columns)
        write_onnx(paths["onnxruntime"], start, made, columns)
        stamp.write_text(made_from)
    return name, paths
