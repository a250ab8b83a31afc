"""Which films would somebody like? Factorization Machines learn it from ratings, of which each is two ones in a row.

    python examples/factorization_machines.py [CSV]

CSV: user,film,rating with a header, such as MovieLens' ratings.csv; without it ratings are made up, by people who each
have a favourite kind of film. First: eval "$(clary env)".
"""

import csv
import json
import struct
import sys
from pathlib import Path

import numpy as np
from steps import deployed, metrics, train

KINDS = ("comedy", "drama", "horror", "musical", "western")


def read(path):
    """Who rated what and how: three lists."""
    with Path(path).open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], [row[1] for row in rows], np.array([float(row[2]) for row in rows])


def make_up(users=300, films=150, count=15000):
    """A film has a kind and is good or bad; a user gives his favourite kind one and a half stars more."""
    rng = np.random.default_rng(0)
    who, what = rng.integers(0, users, count), rng.integers(0, films, count)
    favourite, kind = np.arange(users) % len(KINDS), np.arange(films) % len(KINDS)
    stars = 2.7 + rng.normal(0, 0.4, films)[what] + 1.5 * (favourite[who] == kind[what]) + rng.normal(0, 0.4, count)
    names = [f"{KINDS[film % len(KINDS)]} {film}" for film in range(films)]
    lovers = [f"{KINDS[user % len(KINDS)]}-lover {user}" for user in range(users)]
    return [lovers[user] for user in who], [names[film] for film in what], np.clip(np.round(2 * stars) / 2, 0.5, 5)


def varint(number):
    """A number as protobuf writes it."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def field(number, content):
    """A field of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def as_record(columns, width, rating):
    """A row with ones in some columns, and its label; the SDK's write_spmatrix_to_sparse_tensor writes the same."""
    keys = b"".join(varint(int(column)) for column in columns)
    tensor = field(1, struct.pack(f"<{len(columns)}f", *[1] * len(columns))) + field(2, keys) + field(3, varint(width))
    label = field(1, struct.pack("<f", rating))
    record = b"".join(
        field(number, field(1, b"values") + field(2, field(2, content)))
        for number, content in ((1, tensor), (2, label))
    )
    return struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4)


who, what, ratings = read(sys.argv[1]) if sys.argv[1:] else make_up()
users, who = np.unique(who, return_inverse=True)
films, what = np.unique(what, return_inverse=True)
width = len(users) + len(films)
records = [as_record(pair, width, rating) for *pair, rating in zip(who, len(users) + what, ratings, strict=True)]
order = np.random.default_rng(1).permutation(len(records))
learnt, held_out = np.split(order, [len(order) * 9 // 10])

settings = {"feature_dim": width, "num_factors": 8, "predictor_type": "regressor", "epochs": 40, "mini_batch_size": 200}
settings |= {"linear_lr": 0.01, "factors_lr": 0.01, "factors_wd": 0.0005, "factors_init_sigma": 0.1}
channels = {"train": learnt, "test": held_out}
content = {name: b"".join(records[row] for row in rows) for name, rows in channels.items()}
job = train("factorization-machines", settings, "application/x-recordio-protobuf", **content)

sums, counts = (np.bincount(what[learnt], weights, len(films)) for weights in (ratings[learnt], None))
means = (sums + ratings.mean()) / (counts + 1)
alone = np.sqrt(((means[what[held_out]] - ratings[held_out]) ** 2).mean())
print(f"{len(held_out)} held-out ratings: off by {metrics(job)['test:rmse']:.3f}, by the films' means {alone:.3f}")

with deployed(job) as ask:
    for user in (0, len(users) // 2, len(users) - 1):
        new = np.setdiff1d(np.arange(len(films)), what[who == user])
        rows = [{"keys": [int(user), len(users) + int(film)], "shape": [width], "values": [1, 1]} for film in new]
        request = json.dumps({"instances": [{"data": {"features": row}} for row in rows]})
        scores = np.array([answer["score"] for answer in ask(request, "application/json")["predictions"]])
        best = np.argsort(-scores)[:3]
        shown = ", ".join(f"{films[new[place]]} ({scores[place]:.1f})" for place in best)
        print(f"{users[user]} has not seen and would like: {shown}")
