"""Row-major floats through a peer's forest, all rows in one call, by its C interface: trees.py PEER MODEL ROWS.f32 COLUMNS OUTPUT THREADS"""
import ctypes
import json
import os
import sys

import numpy as np

from worker import serve

peer, model, rows, columns, output, threads = sys.argv[1:]
threads = int(threads)
x = np.fromfile(rows, np.float32).reshape(-1, int(columns))

if peer == "xgboost":
    import xgboost
    from xgboost.core import _LIB as lib
    booster = xgboost.Booster({"nthread": threads}, model_file=model)
    interface = json.dumps({"data": (x.ctypes.data, True), "shape": x.shape, "typestr": "<f4", "version": 3}).encode()
    config = json.dumps({"type": 0, "training": False, "iteration_begin": 0, "iteration_end": 0, "strict_shape": False, "missing": float("nan"), "cache_id": 0}).replace("NaN", "NaN").encode()
    shape, dimension, result = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64(), ctypes.POINTER(ctypes.c_float)()

    def run():
        if lib.XGBoosterPredictFromDense(booster.handle, interface, config, None, ctypes.byref(shape), ctypes.byref(dimension), ctypes.byref(result)):
            sys.exit(lib.XGBGetLastError())
        return np.ctypeslib.as_array(result, (len(x),))
    version = xgboost.__version__
elif peer == "lightgbm":
    import lightgbm
    from lightgbm.basic import _LIB as lib
    booster = lightgbm.Booster(model_file=model)
    out = np.empty(len(x))
    size = ctypes.c_int64()
    parameter = f"num_threads={threads} predict_disable_shape_check=true".encode()

    def run():
        if lib.LGBM_BoosterPredictForMat(booster._handle, x.ctypes.data_as(ctypes.c_void_p), 0, ctypes.c_int32(len(x)), ctypes.c_int32(x.shape[1]), 1, 0, 0, -1, parameter,
                                         ctypes.byref(size), out.ctypes.data_as(ctypes.POINTER(ctypes.c_double))):
            sys.exit(lib.LGBM_GetLastError())
        return out
    version = lightgbm.__version__
elif peer == "onnxruntime":
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    run = lambda: session.run(None, {"x": x})[0].ravel()
    version = onnxruntime.__version__
else:
    import importlib.metadata
    import lleaves
    compiled = lleaves.Model(model_file=model)
    # Trees of 255 leaves are inlined in more than 22 GiB of memory, and in more than 20 minutes.
    compiled.compile(cache=model.replace(".lgb.txt", ".lleaves.o"), finline=os.path.getsize(model) < 10_000_000)
    wide = x.astype(np.float64)          # what its kernels take: the conversion is not timed
    run = lambda: compiled.predict(wide, n_jobs=threads)
    version = importlib.metadata.version("lleaves")

np.asarray(run(), np.float64).tofile(output)


def timed():
    run()


serve({"version": version, "output": output}, timed)
