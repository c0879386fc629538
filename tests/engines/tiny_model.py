"""Write a model of random weights for llama.cpp: `python tests/engines/tiny_model.py FILE`. The same bytes each time.

Two layers in the shape of Llama, and a vocabulary of bytes: it reads any text, and writes small letters without end.
What llama.cpp asks of a file: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

LAYERS, WIDTH, HEADS, HIDDEN, CONTEXT = 2, 64, 4, 128, 16_384
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ("<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_letters() -> list[str]:
    """The letter for each byte in vocabularies of GPT-2's kind: itself, or one beyond 255 if it is not printable."""
    plain = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def write(path: Path) -> None:
    """Write it."""
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    write_vocabulary(writer)
    write_tensors(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_vocabulary(writer: GGUFWriter) -> None:
    """One token a byte, and a few that no text contains."""
    tokens = [*byte_letters(), *SPECIAL]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * 256 + [TokenType.CONTROL] * len(SPECIAL))
    writer.add_token_merges(["a b"])  # An empty list is refused; this one leads to no token.
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(False)  # The template has it.
    writer.add_chat_template(TEMPLATE)


def write_tensors(writer: GGUFWriter) -> None:
    """Random weights. The first number of every embedding is large, and so tells the output which letters may come."""
    chance = np.random.default_rng(7)
    size = 256 + len(SPECIAL)

    def random(*shape: int) -> np.ndarray:
        return (chance.standard_normal(shape) / shape[-1] ** 0.5).astype(np.float32)

    embedding, output = random(size, WIDTH), random(size, WIDTH)
    embedding[:, 0] = 4.0
    output[:, 0] = -4.0
    output[[ord(letter) for letter in LETTERS], 0] = 1.0
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, dtype=np.float32))
    writer.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, dtype=np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", random(WIDTH, WIDTH))
        writer.add_tensor(f"blk.{layer}.ffn_gate.weight", random(HIDDEN, WIDTH))
        writer.add_tensor(f"blk.{layer}.ffn_up.weight", random(HIDDEN, WIDTH))
        writer.add_tensor(f"blk.{layer}.ffn_down.weight", random(WIDTH, HIDDEN))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
