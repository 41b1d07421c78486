"""Writes the rows of data/mnist-10k.csv.gz as PNG files, and a CSV file that names them: to_png.py FOLDER"""
import gzip
import pathlib
import struct
import sys
import zlib


def png(pixels, height, width):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


here, folder = pathlib.Path(__file__).parent, pathlib.Path(sys.argv[1])
(folder / "digits").mkdir(parents=True, exist_ok=True)
lines = gzip.open(here / "data" / "mnist-10k.csv.gz", "rt").read().split()[1:]
with open(folder / "digits.csv", "w") as out:
    out.write("label,picture\n")
    for row, line in enumerate(lines):
        label, *pixels = map(int, line.split(","))
        (folder / "digits" / f"{row}.png").write_bytes(png(bytes(pixels), 28, 28))
        out.write(f"{label},digits/{row}.png\n")
