"""Logistic regression with a peer in memory: linear.py PEER ROWS.f32 LABELS.u8 COLUMNS

The loosest tolerance of a ladder is taken whose objective lies within 1e-6 of the optimum (relative), which a tight run gives."""
import ctypes
import ctypes.util
import sys
import time

import numpy as np

from worker import serve

peer, rows, labels, columns = sys.argv[1:]
x = np.fromfile(rows, np.float32).reshape(-1, int(columns)).astype(np.float64)
y = np.fromfile(labels, np.uint8)
s = np.where(y > 0, 1.0, -1.0)


def objective(w, b, bias_counts):
    z = s * (x @ w + b)
    return np.logaddexp(0, -z).sum() + 0.5 * (w @ w + (b * b if bias_counts else 0))


if peer == "sklearn":
    import sklearn
    from sklearn.linear_model import LogisticRegression

    def train(tolerance):
        start = time.perf_counter()
        m = LogisticRegression(C=1.0, solver="lbfgs", tol=tolerance, max_iter=10_000).fit(x, y)
        return time.perf_counter() - start, m.coef_[0], m.intercept_[0]
    version, bias_counts = sklearn.__version__, False
else:
    lib = ctypes.CDLL(ctypes.util.find_library("linear") or "liblinear.so.4")

    class Problem(ctypes.Structure):
        _fields_ = [("l", ctypes.c_int), ("n", ctypes.c_int), ("y", ctypes.c_void_p), ("x", ctypes.c_void_p), ("bias", ctypes.c_double)]

    class Parameter(ctypes.Structure):
        _fields_ = [("solver_type", ctypes.c_int), ("eps", ctypes.c_double), ("C", ctypes.c_double), ("nr_weight", ctypes.c_int), ("weight_label", ctypes.c_void_p),
                    ("weight", ctypes.c_void_p), ("p", ctypes.c_double), ("init_sol", ctypes.c_void_p)]

    class Model(ctypes.Structure):
        _fields_ = [("param", Parameter), ("nr_class", ctypes.c_int), ("nr_feature", ctypes.c_int), ("w", ctypes.POINTER(ctypes.c_double)), ("label", ctypes.POINTER(ctypes.c_int)),
                    ("bias", ctypes.c_double)]
    n = x.shape[1]
    nodes = np.zeros((len(x), n + 2), np.dtype([("index", "i4"), ("value", "f8")], align=True))
    nodes["index"][:, :n + 1] = np.arange(1, n + 2)
    nodes["value"][:, :n] = x
    nodes["value"][:, n] = 1
    nodes["index"][:, n + 1] = -1
    pointers = nodes.ctypes.data + np.arange(len(x), dtype=np.uint64) * np.uint64(nodes.strides[0])
    problem = Problem(len(x), n + 1, s.ctypes.data, pointers.ctypes.data, 1.0)
    lib.train.restype = ctypes.POINTER(Model)
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _: None)
    lib.set_print_string_function(quiet)

    def train(tolerance):
        start = time.perf_counter()
        model = lib.train(ctypes.byref(problem), ctypes.byref(Parameter(0, tolerance, 1.0, 0, None, None, 0.1, None)))
        seconds = time.perf_counter() - start
        w = np.array(model.contents.w[:n + 1]) * model.contents.label[0]
        lib.free_and_destroy_model(ctypes.byref(model))
        return seconds, w[:n], w[n]
    version, bias_counts = str(ctypes.c_int.in_dll(lib, "liblinear_version").value), True

_, w, b = train(1e-9)
best = objective(w, b, bias_counts)
for tolerance in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
    _, w, b = train(tolerance)
    if objective(w, b, bias_counts) <= best * (1 + 1e-6):
        break
serve({"version": version, "output": None, "tolerance": tolerance, "best": best, "objective": objective(w, b, bias_counts)}, lambda: train(tolerance)[0])
