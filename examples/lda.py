"""What do customers write about? LDA finds the topics of a shop's letters, and what a new letter is about.

    python examples/lda.py [FILE]

FILE: a letter a line; without it letters are made up, each about one to three of five matters. First:
eval "$(clary env)".
"""

import io
import re
import sys
import tarfile
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlparse

import numpy as np
from steps import as_csv, deployed, metrics, s3, train

from clary.formats import mxnet

MATTERS = (
    "parcel courier delivery late address tracking lost doorstep depot waiting",
    "invoice charged twice refund card bank amount paid receipt tax",
    "size small large fit sleeves colour fabric wash shrunk return",
    "password login account locked email reset code website error browser",
    "broken screen battery charger repair warranty cracked noise replace switch",
)
FILLERS = "please order your shop thanks today help would customer friday".split()
NEW = "The courier lost my parcel. The tracking stopped at the depot, so please refund the amount to my card."


def make_up(count=1200):
    """Letters of about 25 words, a fifth of them such as any letter has; a matter's first words are its commonest."""
    rng, often = np.random.default_rng(0), np.linspace(0.15, 0.05, 10)
    for shares in rng.dirichlet(np.full(len(MATTERS), 0.2), count):
        matters = rng.choice(len(MATTERS), rng.poisson(20), p=shares)
        words = [rng.choice(MATTERS[matter].split(), p=often) for matter in matters] + list(rng.choice(FILLERS, 5))
        yield " ".join(words)


def words_of(letter):
    return re.findall(r"[a-z]{3,}", letter.lower())


letters = Path(sys.argv[1]).read_text().splitlines() if sys.argv[1:] else list(make_up())
used = Counter(word for letter in letters for word in set(words_of(letter)))
vocabulary = [word for word, times in used.most_common(2000) if 3 <= times < 0.5 * len(letters)]
places = {word: place for place, word in enumerate(vocabulary)}


def count(letter):
    """How often each word of the vocabulary stands in a letter."""
    return np.bincount([places[word] for word in words_of(letter) if word in places], minlength=len(places))


counts = [count(letter).tolist() for letter in letters]
held_out = len(counts) // 10
settings = {"num_topics": 5, "feature_dim": len(vocabulary), "mini_batch_size": len(counts) - held_out, "alpha0": 0.9}
job = train(
    "lda",
    settings,
    "text/csv;label_size=0",
    train=as_csv(counts[held_out:]),
    test=as_csv(counts[:held_out]),
)
print(f"{len(letters)} letters, {len(vocabulary)} words; held out: perplexity {np.exp(-metrics(job)['test:pwll']):.1f}")

where = urlparse(job["ModelArtifacts"]["S3ModelArtifacts"])
archive = s3.get_object(Bucket=where.netloc, Key=where.path[1:])["Body"].read()
with TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
    tar.extractall(folder, filter="data")
    alpha, beta = mxnet.load(Path(folder) / "model_algo-1")  # mx.nd.load reads it too

names = [" ".join(vocabulary[place] for place in np.argsort(-topic)[:6]) for topic in beta]
for weight, name in zip(alpha, names, strict=True):
    print(f"{weight / alpha.sum():5.0%}  {name}")

with deployed(job) as ask:
    mixture = ask(as_csv([count(NEW).tolist()]))["predictions"][0]["topic_mixture"]
print(NEW)
for topic in np.argsort(mixture)[::-1][:2]:
    print(f"  {mixture[topic]:5.0%}  {names[topic]}")
