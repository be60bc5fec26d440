"""The arithmetic of the native encoder in NumPy: what every kernel computes, whatever its speed."""

import numpy as np

f32 = np.float32


def rounded(x):
    """int8 values of each row and the scale of each: round half up to [-127, 127]."""
    largest = np.abs(x).max(axis=1, keepdims=True) + f32(1e-20)
    return np.floor(x * (f32(127) / largest) + f32(128.5)).astype(np.int32) - 128, largest / f32(127)


def product(x, weight, bias):
    """x @ weight.T + bias: weights in int8 by output column, activations in int8 by row, sums in int32."""
    scale = np.abs(weight).max(axis=1) / f32(127)
    values = np.rint(weight / scale[:, None]).astype(np.int32)
    activations, row_scale = rounded(x)
    return (activations @ values.T).astype(f32) * row_scale * scale + bias


def norm(x, weight, bias, epsilon):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + f32(epsilon)) * weight + bias


GELU_TAIL = (
    0.0155252535, -0.0940200537, 0.232680619, -0.257033765, -0.0175457932, 0.41955781, -0.490063012, 0.0751871392,
    0.343794495, -0.247765794, -0.0911652520, 0.128551662, 0.00677319057, -0.0244762786,
)  # fmt: skip


def gelu(x):
    """x * Phi(x) as max(x, 0) - a * Phi(-a) with a = |x|, the latter a polynomial: absolute error below 1.4e-6."""
    at = np.minimum(np.abs(x), f32(5)) * f32(0.4) - f32(1)
    tail = np.full_like(x, GELU_TAIL[-1])
    for coefficient in GELU_TAIL[-2::-1]:
        tail = (tail.astype(np.float64) * at + f32(coefficient)).astype(f32)  # as one fused operation rounds
    return np.maximum(x, f32(0)) - tail


def sentence_vector(tensors, ids, *, layers, heads, epsilon=1e-12, pooling="mean"):
    """Devlin et al. 2018 (post-norm, exact GELU), float32; unit length, (width,)."""

    def linear(name, x):
        return product(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def normed(name, x):
        return norm(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], epsilon)

    words, positions, kinds = (
        tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
    )
    x = normed("embeddings.LayerNorm", words[ids] + positions[: len(ids)] + kinds[0])
    size = x.shape[1] // heads
    for layer in (f"encoder.layer.{number}" for number in range(layers)):
        query, key, value = (
            linear(f"{layer}.attention.self.{part}", x).reshape(len(ids), heads, size).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) * f32(size**-0.5)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = ((shares / shares.sum(axis=-1, keepdims=True)) @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        x = normed(f"{layer}.attention.output.LayerNorm", x + linear(f"{layer}.attention.output.dense", mixed))
        wide = linear(f"{layer}.intermediate.dense", x)
        x = normed(f"{layer}.output.LayerNorm", x + linear(f"{layer}.output.dense", gelu(wide)))
    pooled = x[0] if pooling == "cls" else x.sum(axis=0)
    return pooled / np.linalg.norm(pooled)
