"""The arithmetic of the native encoder in NumPy, operation by operation: every kernel computes these numbers, whatever its speed, to the last bit.

Devlin et al. 2018 (post-norm, GELU of the exact form) in float32, but for its products with weights: int8 on both sides, sums in int32. The order
of floating-point sums is a part of it, since a difference in the last bit turns roundings to int8 the other way in the layers that follow.
"""

from functools import reduce

import numpy as np

f32 = np.float32
LANES = 16
LOG2_E = f32(1.44269504)
POWER_OF_2 = (1.0000001, 0.693146944, 0.240221202, 0.0555071309, 0.00967554189, 0.00132764725)
"""2^f for |f| <= 0.5, the constant first."""
GELU_TAIL = (
    0.0155252535, -0.0940200537, 0.232680619, -0.257033765, -0.0175457932, 0.41955781, -0.490063012, 0.0751871392,
    0.343794495, -0.247765794, -0.0911652520, 0.128551662, 0.00677319057, -0.0244762786,
)  # fmt: skip
"""a * Phi(-a) for 0 <= a <= 5, of a / 2.5 - 1."""


def fused(a, b, c):
    """a * b + c, rounded once: the product of two float32 is exact in float64. (The sum is rounded there too, which shows once in 2^29.)"""
    return (np.multiply(a, b, dtype=np.float64) + c).astype(f32)


def in_vectors(x):
    """(…, n) as (n / LANES, …, LANES)."""
    return np.moveaxis(x.reshape(*x.shape[:-1], -1, LANES), -2, 0)


def folded(sums):
    """(…, LANES) -> (…, 1): the upper half added to the lower until one is left."""
    while (half := sums.shape[-1] // 2) > 0:
        sums = sums[..., :half] + sums[..., half:]
    return sums


def product_in_order(left, right):
    """left @ right, a fused product after the other."""
    steps = range(left.shape[-1])
    return reduce(lambda sums, at: fused(left[..., at, None], right[..., at, None, :], sums), steps, f32(0))


def polynomial(coefficients, x):
    return reduce(lambda value, c: fused(value, x, f32(c)), coefficients[-2::-1], f32(coefficients[-1]))


def power_of_2(x):
    x = np.maximum(x, f32(-126))
    whole = np.rint(x)
    return np.ldexp(polynomial(POWER_OF_2, x - whole), whole.astype(np.int32))


def softmax(scores):
    """Return e^(score - the row's largest), and 1 / its sum, of which the last vector (filled up with e^-inf) comes first."""
    count = scores.shape[-1]
    filled = np.pad(scores, [(0, 0), (0, 0), (0, -count % LANES)], constant_values=-np.inf)
    weights = power_of_2(fused(filled, LOG2_E, scores.max(axis=-1, keepdims=True) * -LOG2_E))
    return weights[..., :count], f32(1) / folded(reduce(np.add, np.roll(in_vectors(weights), 1, axis=0)))


def gelu(x):
    """x * Phi(x) as max(x, 0) - a * Phi(-a) with a = |x|."""
    return np.maximum(x, f32(0)) - polynomial(GELU_TAIL, fused(np.minimum(np.abs(x), f32(5)), f32(0.4), f32(-1)))


def norm(x, gain, bias, epsilon):
    width = f32(x.shape[-1])
    distance = x - folded(reduce(np.add, in_vectors(x))) / width
    variance = folded(reduce(lambda sums, part: fused(part, part, sums), in_vectors(distance), f32(0))) / width
    return fused(distance * (f32(1) / np.sqrt(variance + f32(epsilon))), gain, bias)


def rounded(x):
    """Each row as integers in [-127, 127], halves rounded up, and what 1 stands for."""
    largest = np.abs(x).max(axis=1, keepdims=True) + f32(1e-20)
    return np.floor(fused(x, f32(127) / largest, f32(128.5))) - 128, largest / f32(127)


class Int8Bert:
    """An encoder of a BertConfig; `tensors` are those of Hugging Face's BertModel."""

    def __init__(self, tensors, config):
        self.tensors, self.config, self.matrices = tensors, config, {}
        for name in (name.removesuffix(".weight") for name, tensor in tensors.items() if tensor.ndim == 2):
            if name.startswith("encoder."):
                self.matrices[name] = self._quantized(name)

    def _quantized(self, name):
        """Weights in [-127, 127] by output column, what 1 stands for in each, bias. Queries come out divided by sqrt(head width)."""
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        largest = np.abs(weight).max(axis=1)
        scale = np.where(largest > 0, largest, f32(1)) / f32(127)
        values = np.rint(weight / scale[:, None]).astype(np.float64)
        factor = f32((self.config.width // self.config.heads) ** -0.5) if name.endswith("query") else f32(1)
        return values, scale * factor, bias * factor

    def linear(self, name, activations):
        (values, row_scale), (weights, scale, bias) = activations, self.matrices[name]
        return fused(
            (values @ weights.T).astype(f32) * row_scale, scale, bias
        )  # sums of integers: float64 has them exactly

    def norm(self, name, x):
        gain, bias = (self.tensors[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return norm(x, gain, bias, self.config.epsilon)

    def attention(self, layer, x):
        def by_head(name):
            return self.linear(f"{layer}.self.{name}", rounded(x)).reshape(len(x), self.config.heads, -1).swapaxes(0, 1)

        weights, inverse = softmax(product_in_order(by_head("query"), by_head("key").swapaxes(1, 2)))
        return (product_in_order(weights, by_head("value")) * inverse).swapaxes(0, 1).reshape(x.shape)

    def token_states(self, ids):
        """Return the last layer's state of every token, float32 (tokens, width)."""
        words, positions, kinds = (
            self.tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        x = self.norm("embeddings", words[ids] + (positions[: len(ids)] + kinds[0]))
        for layer in (f"encoder.layer.{number}" for number in range(self.config.layers)):
            mixed = self.attention(f"{layer}.attention", x)
            x = self.norm(
                f"{layer}.attention.output", x + self.linear(f"{layer}.attention.output.dense", rounded(mixed))
            )
            wide = gelu(self.linear(f"{layer}.intermediate.dense", rounded(x)))
            x = self.norm(f"{layer}.output", x + self.linear(f"{layer}.output.dense", rounded(wide)))
        return x

    def sentence_vector(self, ids):
        """Return the unit vector, float64 (width,)."""
        states = self.token_states(ids).astype(np.float64)
        pooled = states[0] if self.config.pooling == "cls" else states.mean(axis=0)
        return pooled / np.linalg.norm(pooled)
