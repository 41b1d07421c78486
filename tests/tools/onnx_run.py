"""Runs ONNX files: onnx_run.py CASES, a JSON object a line of `model` (a path), `inputs` (by name: type, shape, data) and `output`.
Prints the elements of each output in a line."""
import json
import sys

import numpy
import onnxruntime

onnxruntime.set_default_logger_severity(3)
for line in open(sys.argv[1]):
    case = json.loads(line)
    session = onnxruntime.InferenceSession(case["model"], providers=["CPUExecutionProvider"])
    inputs = {name: numpy.array(i["data"], i["type"]).reshape(i["shape"]) for name, i in case["inputs"].items()}
    wanted = {i.name for i in session.get_inputs()}
    print(*session.run([case["output"]], {name: v for name, v in inputs.items() if name in wanted})[0].ravel().tolist())
