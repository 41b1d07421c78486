"""CSV files of about 300 MB to read into typed columns. Column names are a letter for the type (n number, c category, t moment) and a place."""
import numpy as np

import harness

NUMERIC, MIXED, QUOTED = "n" * 28, "n" * 12 + "c" * 6 + "t", "n" * 8 + "c" * 8


def prepare(kind):
    """The path and the letters of its columns. A block of 50,000 rows is written again and again."""
    letters = {"numeric": NUMERIC, "mixed": MIXED, "20% quoted": QUOTED}[kind]
    path = harness.DATA / f"typed_{kind.split()[-1]}.csv"
    if not path.exists():
        harness.DATA.mkdir(parents=True, exist_ok=True)
        r, count = np.random.default_rng(9), 50_000
        columns = []
        for i, letter in enumerate(letters):
            if letter == "n":
                texts = np.char.mod("%.4f", r.lognormal(i % 4, 1, count) if i % 2 else r.normal(10 * i, 5, count))
                texts[r.random(count) < 0.05] = ""
            elif letter == "c":
                texts = np.char.mod(f"c{i}_%05d", (10_000 * r.random(count) ** 2).astype(int)).astype("U24")
                if kind == "20% quoted":
                    # Two in five of the texts, so one in five of all cells; one in fifty of these has a quote inside.
                    quoted = r.random(count) < 0.4
                    texts[quoted] = np.char.add(np.char.add('"', texts[quoted]), np.where(r.random(quoted.sum()) < 0.02, ' ""x"""', ', and so"'))
            else:
                texts = np.datetime_as_string(r.integers(1_577_836_800, 1_735_689_600, count).astype("datetime64[s]"))
            columns.append(texts)
        block = "\n".join(map(",".join, zip(*columns))) + "\n"
        with open(path, "w") as out:
            out.write(",".join(f"{letter}{i}" for i, letter in enumerate(letters)) + "\n")
            for _ in range(max(1, round(320e6 / len(block)))):
                out.write(block)
    return path, letters
