"""Whether ONNX Runtime answers as mlp does: onnx_agrees.py MODEL SCORED [BOUND], where SCORED are JSON lines of `mlp score --features`.
Differences count relative to the answer, or to 1 where it is less. Prints the greatest; fails where one is beyond the bound."""
import json
import sys

import numpy
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
rows = [json.loads(line) for line in open(sys.argv[2])]
seen = [row["features"] for row in rows]
inputs = {}
for i in session.get_inputs():
    kind, name = (i.name.split(".", 1) + [""])[:2]
    if i.name == "numbers":
        inputs[i.name] = numpy.array([[row[n] for n in json.loads(about["numbers"])] for row in seen], "float32")
    elif kind == "code":
        inputs[i.name] = numpy.array([-1 if row[name] is None else int(row[name]) for row in seen], "int64")
    else:  # bag.NAME.terms, .values and .offsets
        name, part = name.rsplit(".", 1)
        terms = {text: number for number, text in enumerate(json.loads(about.get("terms." + name, "[]")))}
        bags = [row[name] for row in seen]
        if part == "terms":
            inputs[i.name] = numpy.array([terms[t] if terms else int(t) for bag in bags for t in bag], "int64")
        elif part == "values":
            inputs[i.name] = numpy.array([v for bag in bags for v in bag.values()], "float32")
        else:
            inputs[i.name] = numpy.cumsum([0] + [len(bag) for bag in bags])[:-1].astype("int64")
outputs = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs)))
if "classes" in about:
    want = numpy.array([[row["p_" + c] for c in json.loads(about["classes"])] for row in rows])
    got = outputs["probabilities"]
else:
    want = numpy.array([row["prediction"] for row in rows])
    got = outputs["value"]
assert got.shape == want.shape, f"{got.shape} instead of {want.shape}"
assert outputs["score"].shape[0] == len(rows)
worst = float(numpy.max(numpy.abs(got - want) / numpy.maximum(1, numpy.abs(want))))
print(f"{len(rows)} rows, greatest difference {worst:.2e}")
sys.exit(0 if worst <= float((sys.argv[3:] or ["1e-5"])[0]) else 1)
