"""From a CSV file to a CSV file of predictions: pipeline.py sklearn|duckdb MODEL TRAIN.csv ROWS.csv OUTPUT. What it fits, imports and loads is not timed."""
import sys

import numpy as np
import pandas

from worker import serve

kind, model, train, rows, output = sys.argv[1:]
numbers = [f"n{i}" for i in range(12)]
categories = [f"c{i}" for i in range(6)]
fit = pandas.read_csv(train, parse_dates=["at"])
fit = fit[fit.part == "train"]

if kind == "sklearn":
    import sklearn
    import xgboost
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler
    features = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("categories", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), categories),
        ("moment", FunctionTransformer(lambda f: np.stack([f["at"].dt.hour, f["at"].dt.weekday + 1, f["at"].dt.month], axis=1)), ["at"])]).fit(fit)
    booster = xgboost.Booster({"nthread": 1}, model_file=model)

    def run():
        x = features.transform(pandas.read_csv(rows, parse_dates=["at"]))
        pandas.DataFrame({"p_true": booster.inplace_predict(x)}).to_csv(output, index=False)
    version = f"scikit-learn {sklearn.__version__}, XGBoost {xgboost.__version__}"
else:
    import duckdb
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    db = duckdb.connect(config={"threads": 1})
    parts, joins = [], []
    for n in numbers:
        v = fit[n].fillna(fit[n].median())
        parts.append(f"CAST((coalesce({n}, {float(fit[n].median())!r}) - {float(v.mean())!r}) / {float(v.std(ddof=0))!r} AS FLOAT)")
    for c in categories:
        codes = pandas.DataFrame({"value": np.sort(fit[c].unique())})
        codes["code"] = np.arange(len(codes))
        db.register(f"frame_{c}", codes)
        db.execute(f"CREATE TABLE codes_{c} AS SELECT * FROM frame_{c}")
        parts.append(f"CAST(coalesce(codes_{c}.code, -1) AS FLOAT)")
        joins.append(f"LEFT JOIN codes_{c} ON r.{c} = codes_{c}.value")
    parts += [f'CAST({part}("at") AS FLOAT)' for part in ("hour", "isodow", "month")]
    types = ", ".join([f"'{n}': 'DOUBLE'" for n in numbers] + [f"'{c}': 'VARCHAR'" for c in categories] + ["'at': 'TIMESTAMP'"])
    query = f"SELECT {', '.join(f'{p} AS f{i}' for i, p in enumerate(parts))} FROM read_csv('{rows}', header = true, columns = {{{types}}}) r {' '.join(joins)} "

    def run():
        columns = db.execute(query).fetchnumpy()
        x = np.stack([columns[f"f{i}"] for i in range(len(parts))], axis=1)
        p = session.run(None, {"x": x})[0].ravel()
        pandas.DataFrame({"p_true": p}).to_csv(output, index=False)
    version = f"DuckDB {duckdb.__version__}, ONNX Runtime {onnxruntime.__version__}"

run()
serve({"version": version, "output": output}, run)
