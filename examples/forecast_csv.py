"""Trains on a CSV, unless that was done before, and forecasts from its last row.

python examples/forecast_csv.py DATA.csv MODEL FORECAST.csv
"""

import sys
from pathlib import Path

from sssd_registry import Config, SSSDPipeline, train

data, model, out = sys.argv[1:]
pipe = SSSDPipeline.from_pretrained(model) if Path(model).exists() else train(data, Config(), Path(model))
forecast = pipe(data, num_samples=100, generator=0)  # samples (series, 100, horizons, targets), in the data's units
forecast.to_frame(levels=[0.05, 0.5, 0.95]).to_csv(out, index=False)
