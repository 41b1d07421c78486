"""Writes the test part of MNIST as the examples read it: to_csv.py t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz > data/mnist-10k.csv.gz"""
import gzip
import sys

images, labels = (gzip.open(path).read() for path in sys.argv[1:3])
count, size = int.from_bytes(images[4:8], "big"), 28 * 28
if images[:4] != b"\0\0\x08\x03" or labels[:4] != b"\0\0\x08\x01" or len(images) != 16 + count * size or len(labels) != 8 + count:
    sys.exit("these are not the images and labels of MNIST")
lines = [",".join(["label"] + [f"p{i}" for i in range(size)])]
for row in range(count):
    lines.append(",".join([str(labels[8 + row]), *map(str, images[16 + row * size:16 + (row + 1) * size])]))
sys.stdout.buffer.write(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
