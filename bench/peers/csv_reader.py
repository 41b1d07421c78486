"""A CSV into typed columns: csv_reader.py duckdb|polars FILE SCHEMA. DuckDB creates a table, Polars a data frame; both with two threads and the types given."""
import os
import sys

from worker import serve

kind, path, letters = sys.argv[1:]
names = [f"{letter}{i}" for i, letter in enumerate(letters)]

if kind == "duckdb":
    import duckdb
    db = duckdb.connect(config={"threads": 2})
    types = ", ".join(f"'{n}': '{ {'n': 'DOUBLE', 'c': 'VARCHAR', 't': 'TIMESTAMP'}[n[0]] }'" for n in names)

    def run():
        db.execute(f"CREATE OR REPLACE TABLE t AS SELECT * FROM read_csv('{path}', header = true, columns = {{{types}}})")

    def columns():
        of = {"n": 'coalesce(sum("{}"), 0)', "c": 'sum(strlen("{}"))', "t": 'sum(epoch("{}"))'}
        found = db.execute("SELECT " + ", ".join(f'{of[n[0]].format(n)}, count("{n}")' for n in names) + " FROM t").fetchone()
        return [[float(found[2 * i]), found[2 * i + 1]] for i in range(len(names))]
    version = f"DuckDB {duckdb.__version__}"
else:
    os.environ["POLARS_MAX_THREADS"] = "2"
    import polars
    schema = {n: {"n": polars.Float64, "c": polars.String, "t": polars.Datetime("us")}[n[0]] for n in names}
    frame = None

    def run():
        global frame
        frame = polars.read_csv(path, schema=schema, empty_string_is_null=False)

    def columns():
        def total(n):
            if n[0] == "c":
                return frame[n].str.len_bytes().sum()
            return (frame[n].dt.timestamp("us") / 1e6).sum() if n[0] == "t" else frame[n].sum()
        return [[float(total(n)), len(frame) - frame[n].null_count()] for n in names]
    version = f"Polars {polars.__version__}"

run()
serve({"version": version, "columns": columns()}, run)
