"""FastAPI and XGBoost: what a team writes first. MODEL names the model."""
import os

import numpy as np
import xgboost
from fastapi import FastAPI
from pydantic import BaseModel

booster = xgboost.Booster({"nthread": 1}, model_file=os.environ["MODEL"])
app = FastAPI()


class Rows(BaseModel):
    instances: list[list[float]]


@app.post("/infer")
def infer(rows: Rows):
    return {"predictions": booster.inplace_predict(np.asarray(rows.instances, np.float32)).tolist()}
