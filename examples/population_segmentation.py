"""Which kinds of counties are there? PCA finds what counties differ in most, K-Means groups them by it.

    python examples/population_segmentation.py [CSV]

CSV: a row a county, columns CensusId, State, County and then numbers, as in the American Community Survey of 2015
(acs2015_county_data.csv); without it counties are made up. First: eval "$(clary env)".
"""

import csv
import io
import sys
import tarfile
from pathlib import Path

import numpy as np
from steps import BUCKET, as_csv, deployed, metrics, s3, train

from clary.formats import mxnet

COMPONENTS, MOST_SEGMENTS = 5, 10
WITHOUT_LABEL = "text/csv;label_size=0"


def read(path):
    """The counties' names, the columns' names, and the table; counties with a gap are left out."""
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if all(row.values())]
    columns = [column for column in rows[0] if column not in ("CensusId", "State", "County")]
    names = [f"{row['State']}-{row['County']}" for row in rows]
    return names, columns, np.array([[float(row[column]) for column in columns] for row in rows])


def make_up(count=2000):
    """Counties of five kinds (30, 25, 20, 15 and 10 %) that differ in five traits, as sixteen columns show them."""
    traits = {  # the average of each kind, in standard deviations
        "poor": [-0.5, -0.8, 2.0, 0.3, 0.5],
        "urban": [-0.8, 1.0, -0.3, -1.0, 3.0],
        "industrial": [0.8, -0.6, 0.5, -1.2, -1.0],
        "commuting": [-0.2, 1.5, 0.0, -1.2, 0.3],
        "self-reliant": [0.2, -0.5, -0.8, 2.2, -0.8],
    }
    columns = {  # the average, and what each trait adds
        "TotalPop": (100, [0, 60, 0, 5, -10]),
        "Income": (46, [-9, 4, 0, 3, -1]),
        "Poverty": (17, [6, 0, 0, -1, 0]),
        "ChildPoverty": (23, [9, 0, 0, -1, 0]),
        "Unemployment": (8, [3, 0, 0, 0, -2]),
        "White": (77, [-12, -9, 2, 0, 5]),
        "Black": (9, [9, 4, 0, 0, -3]),
        "Professional": (31, [-3, 5, -4, 0, 2]),
        "Service": (18, [2, 1, -1, -1, 0]),
        "Construction": (12, [0, -2, 1, 0, 3]),
        "Production": (16, [1, -3, 6, 0, -2]),
        "Transit": (1, [0, 3, 0, 0, 0]),
        "Drive": (79, [0, -6, 2, 3, -6]),
        "MeanCommute": (23, [0, 2, 0, 5, -3]),
        "WorkAtHome": (5, [0, 0, -1, 0, 3]),
        "SelfEmployed": (8, [0, -1, -1, 0, 4]),
    }
    rng = np.random.default_rng(2015)
    kinds = rng.choice(5, count, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    shown = np.array(list(traits.values())).T[kinds] + rng.normal(0, 0.5, (count, 5))
    averages, loadings = (np.array(part, float) for part in zip(*columns.values(), strict=True))
    noise = rng.normal(0, np.abs(loadings).max(axis=1) / 4, (count, len(columns)))
    return [f"Somewhere-{number}" for number in range(count)], list(columns), averages + shown @ loadings.T + noise


def model_arrays(job):
    """The arrays of a training job's model_algo-1; `mxnet.ndarray.load` reads the file, too."""
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    packed = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return mxnet.decode(archive.extractfile("model_algo-1").read(), "model_algo-1")


def made_of(weights, columns, most=4):
    """The columns that weigh most in a component: "+Poverty -Income"."""
    strongest = np.argsort(-np.abs(weights))[:most]
    return " ".join(f"{'+' if weights[place] > 0 else '-'}{columns[place]}" for place in strongest)


counties, columns, table = read(sys.argv[1]) if len(sys.argv) > 1 else make_up()
spread = np.ptp(table, axis=0)
scaled = as_csv((table - table.min(axis=0)) / np.where(spread, spread, 1))

# What do counties differ in? SageMaker keeps the components in ascending order: the last column of v is the first.
pca = train(
    "pca",
    {"feature_dim": len(columns), "num_components": COMPONENTS, "mini_batch_size": 500},
    WITHOUT_LABEL,
    train=scaled,
)
arrays = model_arrays(pca)
components = [made_of(weights, columns) for weights in arrays["v"].T[::-1]]
share = metrics(pca)["train:explained_variance_ratio"]
print(f"{len(counties)} counties, {len(columns)} columns; {COMPONENTS} components keep {share:.0%} of the variance")
for number, (name, value) in enumerate(zip(components, arrays["s"][::-1], strict=True), 1):
    print(f"  component {number}, {share * value**2 / (arrays['s'] ** 2).sum():4.0%}: {name}")
with deployed(pca) as ask:
    places = np.array([row["projection"] for row in ask(scaled)["projections"]])[:, ::-1]

# How many segments? The within-cluster sum of squares falls with every one more; where it stops to fall steeply, the
# elbow, lies furthest below the straight line from the first to the last.
sizes = range(1, MOST_SEGMENTS + 1)
rows, jobs = as_csv(places), []
for size in sizes:
    settings = {"feature_dim": COMPONENTS, "k": size, "eval_metrics": '["msd","ssd"]'}
    jobs.append(train("kmeans", settings, WITHOUT_LABEL, train=rows, test=rows))
sums = np.array([metrics(job)["test:ssd"] for job in jobs])
elbow = int(np.argmax(np.linspace(sums[0], sums[-1], len(sums)) - sums))
print("within-cluster sum of squares by the number of segments:")
for size, found in zip(sizes, sums, strict=True):
    print(f"  {size:2} {found:9.1f} {'#' * round(50 * found / sums[0])}{' <- elbow' if size == sizes[elbow] else ''}")

# Which are they? Each centre in standard deviations of each component, beyond half of one.
with deployed(jobs[elbow]) as ask:
    segments = np.array([int(row["closest_cluster"]) for row in ask(rows)["predictions"]])
(centres,) = model_arrays(jobs[elbow])
for number in np.argsort(-np.bincount(segments)):
    members = [counties[place] for place in np.flatnonzero(segments == number)]
    print(f"segment of {len(members)} counties, such as {', '.join(members[:3])}")
    deviations = centres[number] / places.std(axis=0)
    for place in np.flatnonzero(np.abs(deviations) > 0.5):
        print(f"  {deviations[place]:+.1f} x component {place + 1} ({components[place]})")
    if np.abs(deviations).max() <= 0.5:
        print("  average in everything")
