"""The peer: sentence-transformers encode() with the same weights, run by the interpreter that has it (no hub, no network).

Usage: PEER_PYTHON peer_sentence_transformers.py MODEL_FOLDER TEXTS.json VECTORS.npy THREADS; prints the seconds of encode().
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

WINDOW_TOKENS = 256  # max_seq_length of the published model
BATCH = 32  # the default of encode()
CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
TOKENIZER_CONFIG = {
    "tokenizer_class": "BertTokenizer",
    "do_lower_case": True,
    "model_max_length": WINDOW_TOKENS,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


def load(origin: Path, device: str) -> Any:
    """Load the model from the weights and the tokenizer in a folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    with tempfile.TemporaryDirectory() as folder:
        for name in ("model.safetensors", "tokenizer.json"):
            shutil.copyfile(origin / name, Path(folder, name))
        Path(folder, "config.json").write_text(json.dumps(CONFIG))
        Path(folder, "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG))
        transformer = Transformer(folder, max_seq_length=WINDOW_TOKENS)
        return SentenceTransformer(
            modules=[transformer, Pooling(CONFIG["hidden_size"], "mean"), Normalize()], device=device
        )


def main() -> None:
    origin, texts_path, vectors_path, threads = (
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        int(sys.argv[4]),
    )
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    texts = json.loads(texts_path.read_text("utf-8"))
    model = load(origin, "cpu")
    model.encode(texts[:BATCH], batch_size=BATCH)  # warm
    started = time.perf_counter()
    vectors = model.encode(texts, batch_size=BATCH, show_progress_bar=False)
    seconds = time.perf_counter() - started
    np.save(vectors_path, vectors.astype("<f4"))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
