"""Data for the benchmarks of training: rows of single precision, labels, test rows; made once and kept."""
import numpy as np

import harness
import trees

AIRLINE = (12, 31, 7, 22, 300, 300, 0, 0)     # month, day, weekday, carrier, origin, destination, departure, distance


def airline(count, seed):
    """Rows like those of the airline data: six categories, two numbers; late when crowded, far, at bad places and times."""
    r = np.random.default_rng(seed)
    fixed = np.random.default_rng(11)
    x = np.empty((count, 8), np.float32)
    effect = np.zeros(count)
    for c, width in enumerate(AIRLINE[:6]):
        share = fixed.dirichlet(np.full(width, 2.0))
        x[:, c] = r.choice(width, count, p=share)
        effect += (fixed.standard_normal(width) * (0.35 if width > 20 else 0.2))[x[:, c].astype(int)]
    x[:, 6] = np.round(np.clip(r.normal(1350, 480, count), 0, 2359))
    x[:, 7] = np.round(np.exp(r.normal(6.4, 0.6, count)))
    effect += (x[:, 6] - 1350) / 700 + np.where(x[:, 2] == 4, 0.3 * (x[:, 6] > 1500), 0) + 0.2 * np.sin(x[:, 7] / 300)
    return x, r.random(count) < 1 / (1 + np.exp(-(effect - 1.3)))


def dense(count, columns, seed):
    x = trees.rows(count, columns, 0, seed)
    return x, trees.labels(x, seed + 1)


def prepare(kind, train_rows, test_rows, columns=28):
    harness.DATA.mkdir(parents=True, exist_ok=True)
    base = harness.DATA / f"{kind}_{train_rows}x{columns if kind == 'dense' else 8}"
    paths = [base.with_suffix(s) for s in (".train.f32", ".train.u8", ".test.f32", ".test.u8")]
    if not paths[3].exists():
        for seed, count, (x_path, y_path) in ((21, train_rows, paths[:2]), (23, test_rows, paths[2:])):
            x, y = airline(count, seed) if kind == "airline" else dense(count, columns, seed)
            x.tofile(x_path)
            y.astype(np.uint8).tofile(y_path)
    widths = AIRLINE if kind == "airline" else (0,) * columns
    return base.name, paths, ",".join(map(str, widths))


def auc(scores, labels):
    order = np.argsort(scores, kind="stable")
    s = scores[order]
    first = np.r_[True, s[1:] != s[:-1]]
    group = np.cumsum(first) - 1
    start = np.flatnonzero(first)
    mean_rank = (start + np.r_[start[1:], len(s)] - 1) / 2 + 1
    positive = labels[order] > 0
    n = positive.sum()
    return float((mean_rank[group][positive].sum() - n * (n + 1) / 2) / (n * (len(s) - n)))
