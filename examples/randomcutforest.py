"""When was the demand for taxis strange? Random Cut Forest scores every day-long stretch of a series.

    python examples/randomcutforest.py [CSV]

CSV: timestamp,value a half-hour, such as nyc_taxi.csv of the Numenta Anomaly Benchmark; without it a series is made
up, with three events in it. First: eval "$(clary env)".
"""

import csv
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from steps import as_csv, deployed, train

DAY = 48
EVENTS = {"a power cut": (33, 0.2), "a marathon": (61, 1.8), "a blizzard": (97, 0.1)}
"""What: the day, and by what the demand is multiplied."""


def read(path):
    """The times and the values of a file."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [datetime.fromisoformat(row["timestamp"]) for row in rows], np.array([float(row["value"]) for row in rows])


def make_up(days=120):
    """Rush hours on weekdays, long nights at the weekend, a little noise, and the events."""
    times = [datetime(2026, 7, 1) + timedelta(minutes=30 * number) for number in range(days * DAY)]
    hours = np.array([time.hour + time.minute / 60 for time in times])
    weekend = np.array([time.weekday() >= 5 for time in times])
    values = (
        15000 - 9000 * np.cos((hours - 4) * np.pi / 12) + np.where(weekend, 4000 * (hours < 5), 3000 * (hours > 17))
    )
    values += np.random.default_rng(0).normal(0, 400, len(values))
    for day, factor in EVENTS.values():
        values[day * DAY + 16 : day * DAY + 40] *= factor
    return times, values.round()


times, values = read(sys.argv[1]) if sys.argv[1:] else make_up()
shingles = np.lib.stride_tricks.sliding_window_view(values, DAY)
body = as_csv(shingles)

settings = {"feature_dim": DAY, "num_trees": 100, "num_samples_per_tree": 256}
job = train("randomcutforest", settings, "text/csv;label_size=0", train=body)
with deployed(job) as ask:
    scores = np.array([row["score"] for row in ask(body)["scores"]])

limit = scores.mean() + 3 * scores.std()
strange = np.flatnonzero(scores > limit)
print(f"{len(scores)} days of {DAY} half-hours, score {scores.mean():.2f} on average, strange above {limit:.2f}")
for stretch in np.split(strange, np.flatnonzero(np.diff(strange) > DAY) + 1):
    if len(stretch):
        print(f"from {times[stretch[0]]} to {times[stretch[-1] + DAY - 1]}: up to {scores[stretch].max():.2f}")
