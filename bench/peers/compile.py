"""lleaves: from a model file to machine code, nothing kept: compile.py MODEL.lgb.txt"""
import importlib.metadata
import sys

import lleaves

from worker import serve


def run():
    lleaves.Model(model_file=sys.argv[1]).compile()


run()
serve({"version": importlib.metadata.version("lleaves"), "output": None}, run)
