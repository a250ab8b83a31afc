"""Customers who liked this also liked: k-NN finds similar books by who rated them how, then a new book's shelf.

    python examples/similar_items.py [CSV]

CSV: customer,item,rating a row; without it ratings of a small bookshop are made up. First: eval "$(clary env)".
"""

import csv
import sys
from pathlib import Path

import numpy as np
from steps import as_csv, deployed, metrics, train

SHELVES = {
    "crime": "Silent Cold Last | Witness Alibi Harbour Verdict",
    "cooking": "Simple Slow Green | Bread Suppers Soups Kitchen",
    "space": "Distant Broken Second | Sun Colony Orbit Signal",
    "garden": "Wild Small Winter | Roses Borders Orchard Hedges",
    "travel": "Night Lost Northern | Trains Islands Roads Rivers",
}
BOOKS = {
    f"{first} {second}": shelf
    for shelf, words in SHELVES.items()
    for first in words.split("|")[0].split()
    for second in words.split("|")[1].split()
}


def make_up(customers=400, each=15):
    """Every customer rates some books: up to 5 stars on shelves to their taste, few stars elsewhere."""
    rng, names, shelves = np.random.default_rng(0), list(BOOKS), list(SHELVES)
    for customer in range(customers):
        taste = dict(zip(shelves, rng.normal(3, 1.5, len(shelves)), strict=True))
        for name in rng.choice(names, each, replace=False):
            yield customer, name, np.clip(round(rng.normal(taste[BOOKS[name]], 0.8)), 1, 5)


def item_vectors(ratings):
    """The items' names, and a row for each: what every customer thought of it, 0 where they didn't say."""
    customers, items, stars = (np.array(column) for column in zip(*ratings, strict=True))
    names, rows = np.unique(items, return_inverse=True)
    _, columns = np.unique(customers, return_inverse=True)
    usual = np.bincount(columns, stars.astype(float)) / np.bincount(columns)  # some never give five stars
    vectors = np.zeros((len(names), len(usual)))
    vectors[rows, columns] = stars.astype(float) - usual[columns]
    opinions = vectors.any(axis=1)  # no direction without an opinion
    return list(names[opinions]), vectors[opinions].round(3)


if len(sys.argv) > 1:
    with Path(sys.argv[1]).open(newline="") as file:
        ratings = [(row["customer"], row["item"], row["rating"]) for row in csv.DictReader(file)]
else:
    ratings = list(make_up())
names, vectors = item_vectors(ratings)
print(f"{len(ratings)} ratings of {len(names)} items by {vectors.shape[1]} customers")

# The label is the item's number, so that the labels of the neighbours tell which items they are.
settings = {"feature_dim": vectors.shape[1], "predictor_type": "classifier", "index_metric": "COSINE"}
job = train(
    "knn",
    {**settings, "k": min(6, len(names)), "sample_size": len(names)},
    "text/csv;label_size=1",
    train=as_csv(np.column_stack([np.arange(len(names)), vectors])),
)
with deployed(job) as ask:
    answers = ask(as_csv(vectors), accept="application/json; verbose=true")["predictions"]
    similar = [
        [(names[int(label)], cosine) for label, cosine in zip(answer["labels"], answer["distances"], strict=True)][1:]
        for answer in answers  # the first of each is the item itself
    ]
for number in range(0, len(names), max(1, len(names) // 5)):
    neighbours = ", ".join(f"{name} ({cosine:.2f})" for name, cosine in similar[number])
    print(f"who liked {names[number]} also liked: {neighbours}")

if len(sys.argv) == 1:
    same = [BOOKS[name] == BOOKS[other] for name, others in zip(names, similar, strict=True) for other, _ in others]
    print(f"{np.mean(same):.0%} of the neighbours are from the same shelf, of which the ratings say nothing")

    shelves = [list(SHELVES).index(BOOKS[name]) for name in names]
    rows, new = np.column_stack([shelves, vectors]), np.arange(len(names)) % 4 == 0
    job = train(
        "knn",
        {**settings, "k": 5, "sample_size": int((~new).sum())},
        "text/csv;label_size=1",
        train=as_csv(rows[~new]),
        test=as_csv(rows[new]),
    )
    print(
        f"the right shelf for {metrics(job)['test:accuracy']:.0%} of {new.sum()} new books, by five neighbours' votes"
    )
