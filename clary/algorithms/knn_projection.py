"""Rows made narrow by a random matrix that all but keeps their distances and inner products (Johnson-Lindenstrauss).

Both kinds multiply a row x, (d,), with a matrix of random signs: y = A x / sqrt(m), so that E |y|^2 = |x|^2, and |y|
strays from |x| by about sqrt(1 / (2 m)) of itself whatever d is. They differ in how the signs are drawn.

* sign: every one by itself. A product costs O(d m). Achlioptas, Database-friendly random projections, JCSS 2003.
* fjlt: A x = S H D x. D flips the signs of columns at random, H is the Walsh-Hadamard matrix of 2^p >= d columns, and S
  picks m of its rows. H D spreads a row that sits in few columns over all, so that picking loses nothing in particular.
  Ailon and Chazelle, The fast Johnson-Lindenstrauss transform and approximate nearest neighbors, SIAM J. Comput. 2009;
  with S a plain choice of rows: Tropp, Improved analysis of the subsampled randomized Hadamard transform, 2011.
  H of 2^p columns is the Kronecker product of two of about 2^(p/2), so two small matrix products apply it, in O(d^1.5).
  The p passes of the textbook compute less, O(d log(d)), but each goes through memory, and are slower up to millions.

The seed alone says which matrix it is, on any machine and for any release of numpy: the bits are a bit generator's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clary.errors import ClientError

KINDS = ("sign", "fjlt")
RANDOM = "pcg64"
"""Marks in a model's description that its matrix is one of these here."""


class Projection:
    """The random map of rows, (n, input_dim) -> (n, target_dim) float32."""

    def __init__(self, kind: str, seed: int, target_dim: int, input_dim: int) -> None:
        self.kind, self.seed, self.target_dim, self.input_dim = kind, seed, target_dim, input_dim
        scale = np.float32(1 / np.sqrt(target_dim))
        if kind == "sign":
            self._signs = random_signs(input_dim * target_dim, seed).reshape(input_dim, target_dim) * scale
        else:
            power = (max(input_dim, target_dim) - 1).bit_length()
            self._left, self._right = hadamard(power // 2), hadamard(power - power // 2)
            self._signs = random_signs(input_dim, seed) * scale
            self._picks = random_order(1 << power, seed)[:target_dim]

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Rows, (n, input_dim), made narrow: (n, target_dim) float32."""
        if self.kind == "sign":
            return np.asarray(rows @ self._signs)
        left, right = len(self._left), len(self._right)
        spread = np.zeros((len(rows), left * right), np.float32)
        np.multiply(rows, self._signs, out=spread[:, : self.input_dim])
        half = (spread.reshape(-1, right) @ self._right).reshape(-1, left, right)
        return np.asarray((self._left @ half).reshape(len(rows), -1)[:, self._picks])

    def describe(self) -> dict[str, Any]:
        """The member `dimension_reduction` of a model's description."""
        return {
            "type": self.kind,
            "seed": self.seed,
            "target_dim": self.target_dim,
            "input_dim": self.input_dim,
            "random": RANDOM,
        }

    @classmethod
    def of(cls, described: Any) -> Projection:
        """The projection that `describe` described; ClientError for what it didn't."""
        if not isinstance(described, dict) or described.get("random") != RANDOM:
            raise ClientError(
                f"dimension_reduction {described} isn't Clary's: the random matrix of another program can't be known"
            )
        numbers: list[Any] = [described.get(name) for name in ("seed", "target_dim", "input_dim")]
        whole = all(type(number) is int and 0 <= number < 2**31 for number in numbers)
        if described.get("type") not in KINDS or not whole or 0 in numbers[1:]:
            raise ClientError(f"dimension_reduction {described} needs a type of {KINDS} and positive whole numbers")
        return cls(described["type"], *numbers)


def random_signs(count: int, seed: int) -> np.ndarray:
    """(count,) float32 of 1 and -1."""
    words = np.random.PCG64(seed).random_raw(-(-count // 64)).astype("<u8")
    bits = np.unpackbits(words.view(np.uint8), count=count)
    return 1 - 2 * bits.astype(np.float32)


def random_order(count: int, seed: int) -> np.ndarray:
    """A permutation of 0 .. count - 1, drawn apart from the signs of the same seed."""
    return np.random.PCG64([seed, 1]).random_raw(count).argsort(kind="stable")


def hadamard(power: int) -> np.ndarray:
    """Sylvester's matrix of 1 and -1 with orthogonal rows, (2^power, 2^power) float32."""
    matrix = np.ones((1, 1), np.float32)
    for _ in range(power):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
