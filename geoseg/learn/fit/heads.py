"""Small classifiers of pixels: multinomial logistic regression, nearest neighbours, one hidden layer.

All are weighted so that classes count alike, and standardise their features by mean and standard deviation.
They are fitted by L-BFGS of scipy to at most some thousand pixels, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from geoseg.spec.fit import Head

Array = NDArray[np.float64]

PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""Ridge penalties that are tried, relative to the sum of the weights of all pixels being their number."""

NEIGHBOURS = (1, 3, 5, 9, 15)
"""Numbers of nearest neighbours that are tried."""

HIDDEN = 32
"""Units of the hidden layer."""

HIDDEN_PENALTIES = (0.1, 1.0, 10.0)
"""Ridge penalties that are tried with a hidden layer, whose fit is slower."""

LOGISTIC_STOP: Mapping[str, float] = {"maxiter": 200, "ftol": 1e-7}
HIDDEN_STOP: Mapping[str, float] = {"maxiter": 80, "ftol": 1e-6}
"""When a fit ends: iterations, and the least relative decrease of the loss."""

PSEUDO_VOTES = 0.1
"""Votes that each class has before any neighbour, so that no score is 0."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the linear algebra of numpy use one thread in the block.

    The matrices are so small that several threads wait for each other most of the time: a fit takes up to
    fifty times as long on a busy machine.
    """
    with threadpool_limits(1):
        yield


@dataclass(frozen=True, kw_only=True, eq=False)
class Logistic:
    """Scores softmax(x W + b)."""

    weights: Array
    """(D, K)"""
    bias: Array
    """(K,)"""

    def scores(self, features: Array) -> Array:
        """Return scores (n, K)."""
        return softmax(features @ self.weights + self.bias)


@dataclass(frozen=True, kw_only=True, eq=False)
class Perceptron:
    """Scores softmax(tanh(x V + a) W + b)."""

    inner: Array
    """(D, H)"""
    inner_bias: Array
    """(H,)"""
    weights: Array
    """(H, K)"""
    bias: Array
    """(K,)"""

    def scores(self, features: Array) -> Array:
        """Return scores (n, K)."""
        return softmax(np.tanh(features @ self.inner + self.inner_bias) @ self.weights + self.bias)


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """Scores are the shares of the votes of the nearest pixels; equally near pixels all vote."""

    points: Array
    """(P, D) standardised features of the labelled pixels."""
    votes: Array
    """(P, K) vote of each pixel: for its class, with the weight of the class."""
    number: int
    """Pixels that vote."""

    def scores(self, features: Array) -> Array:
        """Return scores (n, K)."""
        apart = (self.points**2).sum(axis=1) - 2 * features @ self.points.T
        farthest = np.partition(apart, self.number - 1, axis=1)[:, self.number - 1 : self.number]
        counted = (apart <= farthest).astype(np.float64) @ self.votes + PSEUDO_VOTES / self.votes.shape[1]
        return np.asarray(counted / counted.sum(axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Standardised:
    """A head with the mean and standard deviation of its features."""

    mean: Array
    """(D,)"""
    std: Array
    """(D,), greater than 0."""
    head: Logistic | Perceptron | Neighbours
    setting: float
    """Ridge penalty, or number of neighbours."""

    def scores(self, features: NDArray[np.floating]) -> Array:
        """Return scores (n, K) of features (n, D)."""
        return self.head.scores((features - self.mean) / self.std)


def softmax(logits: Array) -> Array:
    """Return exp(z) / Σ exp(z) over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def balanced(classes: NDArray[np.intp], number: int) -> Array:
    """Return a weight for each pixel: each class has the same sum, and all weights sum to the number n."""
    counts = np.bincount(classes, minlength=number)
    return np.asarray((len(classes) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[classes])


def settings_of(kind: Head, pixels: int) -> tuple[float, ...]:
    """Return the penalties or numbers of neighbours that are tried, strongest penalty first."""
    if kind == "knn":
        return tuple(float(number) for number in NEIGHBOURS if number <= max(1, pixels // 2))
    return tuple(reversed(HIDDEN_PENALTIES if kind == "mlp" else PENALTIES))


def fit_path(
    kind: Head,
    features: NDArray[np.floating],
    classes: NDArray[np.intp],
    number: int,
    settings: Sequence[float],
    seed: int = 0,
) -> list[Standardised]:
    """Fit a head for each of several settings.

    Args:
        kind: of the head.
        features: (n, D)
        classes: (n,) 0..K-1.
        number: K.
        settings: ridge penalties or numbers of neighbours; each fit starts from the one before.
        seed: of the first weights of a hidden layer.
    """
    mean, std = features.mean(axis=0), features.std(axis=0)
    std = np.where(std > 1e-6 * np.maximum(1.0, np.abs(mean)), std, 1.0)
    x = np.asarray((features - mean) / std, np.float64)
    weights = balanced(classes, number)
    target = np.eye(number)[classes]
    heads: Sequence[Logistic | Perceptron | Neighbours]
    if kind == "knn":
        votes = target * weights[:, None]
        heads = [Neighbours(points=x, votes=votes, number=min(len(x), int(k))) for k in settings]
    elif kind == "mlp":
        heads = _perceptrons(x, target, weights, settings, seed)
    else:
        heads = _logistics(x, target, weights, settings)
    return [
        Standardised(mean=mean.astype(np.float64), std=std.astype(np.float64), head=head, setting=setting)
        for head, setting in zip(heads, settings, strict=True)
    ]


def _logistics(x: Array, target: Array, weights: Array, penalties: Sequence[float]) -> list[Logistic]:
    """Minimise Σ wᵢ cross-entropyᵢ + penalty / 2 · ‖W‖² for each penalty.

    With fewer pixels than features, W lies in the span of the pixels, and is sought there.
    """
    basis = None
    if len(x) < x.shape[1]:
        _, _, basis = np.linalg.svd(x, full_matrices=False)
        x = x @ basis.T
    dims, number = x.shape[1], target.shape[1]
    found, start = [], np.zeros((dims + 1) * number)
    for penalty in penalties:

        def loss(flat: Array, penalty: float = penalty) -> tuple[float, Array]:
            w = flat.reshape(dims + 1, number)
            value, slope = _cross_entropy(x @ w[:-1] + w[-1], target, weights)
            gradient = np.vstack([x.T @ slope + penalty * w[:-1], slope.sum(axis=0)])
            return value + 0.5 * penalty * float((w[:-1] ** 2).sum()), gradient.ravel()

        start = minimize(loss, start, jac=True, method="L-BFGS-B", options=LOGISTIC_STOP).x
        w = start.reshape(dims + 1, number)
        found.append(Logistic(weights=w[:-1] if basis is None else basis.T @ w[:-1], bias=w[-1].copy()))
    return found


def _perceptrons(
    x: Array, target: Array, weights: Array, penalties: Sequence[float], seed: int
) -> list[Perceptron]:
    """Minimise the same loss with the penalty on the weights of both layers."""
    dims, number = x.shape[1], target.shape[1]
    rng = np.random.default_rng(seed)
    shapes = ((dims, HIDDEN), (HIDDEN,), (HIDDEN, number), (number,))
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    # Uniform with the variance of Glorot & Bengio 2010; biases start at 0.
    first = np.concatenate(
        [
            rng.uniform(-1, 1, dims * HIDDEN) * np.sqrt(6 / (dims + HIDDEN)),
            np.zeros(HIDDEN),
            rng.uniform(-1, 1, HIDDEN * number) * np.sqrt(6 / (HIDDEN + number)),
            np.zeros(number),
        ]
    )

    def parts(flat: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]

    found = []
    for penalty in penalties:

        def loss(flat: Array, penalty: float = penalty) -> tuple[float, Array]:
            v, a, w, b = parts(flat)
            hidden = np.tanh(x @ v + a)
            value, slope = _cross_entropy(hidden @ w + b, target, weights)
            back = (slope @ w.T) * (1 - hidden**2)
            gradients = (x.T @ back + penalty * v, back.sum(axis=0), hidden.T @ slope + penalty * w)
            value += 0.5 * penalty * float((v**2).sum() + (w**2).sum())
            return value, np.concatenate([part.ravel() for part in (*gradients, slope.sum(axis=0))])

        # From the same start for all: a strong penalty would leave all units equal.
        v, a, w, b = parts(minimize(loss, first, jac=True, method="L-BFGS-B", options=HIDDEN_STOP).x)
        found.append(Perceptron(inner=v, inner_bias=a, weights=w, bias=b))
    return found


def _cross_entropy(logits: Array, target: Array, weights: Array) -> tuple[float, Array]:
    """Return the weighted sum of cross-entropies and its gradient by the logits."""
    scores = softmax(logits)
    value = -float((weights * np.log(np.maximum((scores * target).sum(axis=1), 1e-300))).sum())
    return value, (scores - target) * weights[:, None]
