"""What tests of our own kernels share."""

import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from hartonomous_core.embedders.native.processor import KERNELS, supported_kernels
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from tests.unit.small_bert import SMALL, small_tensors

TEXTS = [
    "Hello",
    "President Bush on Tuesday nominated two individuals to replace retiring jurists.",
    "SELECT AtomId FROM dbo.Atom WHERE TenantId = 0 AND Modality = 'text';",
    "東京は日本の首都です。 Überraschung: naïve café 🙂",
    "\x00\x01",  # nothing is left of it
    *("word " * (tokens - 2) for tokens in (16, 17, 33, 48)),  # full vectors, and one more
    "every word of this sentence " * 50 + "is one token long",
]
"""Of 2 to 256 tokens, special ones included."""


@pytest.fixture(scope="module", params=KERNELS)
def kernel(request):
    if request.param not in supported_kernels():
        pytest.skip(f"NOT TESTED: kernel {request.param}; this processor runs {', '.join(supported_kernels())}")
    return request.param


@pytest.fixture(scope="module")
def ids_of(text_model):
    tokenizer = Tokenizer.from_file(str(text_model.tokenizer_path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda text: tokenizer.encode(text).ids


@pytest.fixture
def make_small(tmp_path, text_model):
    """Write an encoder of the user's own, after `change` to its tensors, and load it."""

    def make(change=None, config=SMALL, **options):
        tensors = {name: tensor.copy() for name, tensor in small_tensors().items()}
        if change:
            change(tensors)
        save_file(tensors, tmp_path / "model.safetensors")
        return NativeTextEmbedder(tmp_path / "model.safetensors", text_model.tokenizer_path, config, **options)

    return make
