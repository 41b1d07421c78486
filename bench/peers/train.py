"""Trains with a peer in memory: train.py PEER ROWS.f32 LABELS.u8 TEST.f32 WIDTHS THREADS OUTPUT TREES LEAVES [LOSS]"""
import importlib.metadata
import sys
import time

import numpy as np

from worker import serve

peer, rows, labels, test, widths, threads, output, trees, leaves = sys.argv[1:10]
loss = sys.argv[10] if len(sys.argv) > 10 else None
widths = [int(w) for w in widths.split(",")]
threads, trees, leaves = int(threads), int(trees), int(leaves)
x = np.fromfile(rows, np.float32).reshape(-1, len(widths))
y = np.fromfile(labels, np.uint8)
t = np.fromfile(test, np.float32).reshape(-1, len(widths))
categories = [i for i, w in enumerate(widths) if w]
stamps = []


def stamp(*_):
    stamps.append(time.perf_counter())
    return False


def focal(score, gamma=2.0):
    """Gradient and Hessian of the focal loss, as one writes it in numpy."""
    p = 1 / (1 + np.exp(-score))
    s = np.where(y > 0, 1.0, -1.0)
    q = np.clip(np.where(y > 0, p, 1 - p), 1e-15, 1 - 1e-15)
    a = (1 - q) ** gamma
    gradient = s * a * (gamma * q * np.log(q) - (1 - q))
    # d/dscore of the gradient, by the chain rule through q
    u = q * np.log(q)
    d = -gamma * (1 - q) ** (gamma - 1) * (gamma * u - (1 - q)) + a * (gamma * (np.log(q) + 1) + 1)
    return gradient, np.maximum(d * q * (1 - q), 1e-6)


if peer == "xgboost":
    import xgboost
    types = ["c" if w else "q" for w in widths]

    def frame(a):
        return xgboost.QuantileDMatrix(a, label=y if a is x else None, feature_types=types, enable_categorical=True, max_bin=256, nthread=threads) if a is x \
            else xgboost.DMatrix(a, feature_types=types, enable_categorical=True, nthread=threads)

    class Stamp(xgboost.callback.TrainingCallback):
        def after_iteration(self, *_):
            return stamp()
    settings = {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": leaves, "max_depth": 0, "eta": 0.1, "max_bin": 256,
                "nthread": threads, "min_child_weight": 1}

    def train():
        return xgboost.train(settings, frame(x), trees, callbacks=[Stamp()])
    predict = lambda model: model.predict(frame(t))
else:
    import lightgbm
    settings = {"objective": "binary", "num_leaves": leaves, "learning_rate": 0.1, "max_bin": 255, "num_threads": threads, "verbose": -1,
                "min_data_in_leaf": 20, "lambda_l2": 1}
    if loss == "focal":
        settings["objective"] = lambda score, data: focal(score)

    def train():
        data = lightgbm.Dataset(x, y, categorical_feature=categories, params=settings, free_raw_data=False)
        return lightgbm.train(settings, data, trees, callbacks=[stamp])

    def predict(model):
        p = model.predict(t, num_threads=threads)
        return 1 / (1 + np.exp(-p)) if loss else p

model = None


def run():
    global model
    stamps.clear()
    start = time.perf_counter()
    model = train()
    end = time.perf_counter()
    return end - start, (stamps[-1] - stamps[0]) / (len(stamps) - 1)   # of all, of a tree


run()
np.asarray(predict(model), np.float64).tofile(output)
serve({"version": importlib.metadata.version(peer) if peer != "xgboost" else xgboost.__version__, "output": output}, run)
