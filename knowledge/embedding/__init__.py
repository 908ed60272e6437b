"""Embedders: what there is by default, and those that settings add. Nothing is loaded until its first use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never

from knowledge.embedding import minilm, sentence_encoder
from knowledge.embedding.minilm import MiniLM
from knowledge.embedding.openai_compatible import OpenAICompatibleEmbedder
from knowledge.embedding.parallel import usable_processors
from knowledge.embedding.sentence_encoder import SentenceEncoder
from knowledge.embedding.sentence_transformers import SentenceTransformerEmbedder
from knowledge.errors import InvalidInput
from knowledge.ports import Embedder
from knowledge.types import Language

BUILT_IN = (sentence_encoder.NAME, minilm.NAME)
"""The embedders of a knowledge base that names none, the fastest first."""

EVERY_LANGUAGE: frozenset[Language] = frozenset({"en", "zh", "other"})


class OwnedEmbedder(Embedder, Protocol):
    """An embedder whose memory its owner can have back; it works on afterwards, loading anew."""

    @property
    def engine(self) -> str:
        """What computes its vectors on this machine, for people to read."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedderConfig:
    """An embedder besides the built-in ones. `name` stands for its vectors: another model needs another name."""

    name: str
    kind: Literal["sentence-transformers", "openai"]
    model: str
    base_url: str = ""
    api_key: str = ""
    dimension: int | None = None
    languages: frozenset[Language] = EVERY_LANGUAGE


def create_embedders(
    configured: Iterable[EmbedderConfig] = (), *, threads: int | None = None
) -> Mapping[str, OwnedEmbedder]:
    """The built-in embedders and the configured ones, by name. `threads` bounds the CPU threads of local models.

    Raises InvalidInput for a name that is taken.
    """
    embedders: dict[str, OwnedEmbedder] = {
        sentence_encoder.NAME: SentenceEncoder(threads=threads or usable_processors()),
        minilm.NAME: MiniLM(threads=threads),
    }
    for config in configured:
        if config.name in embedders:
            raise InvalidInput(f"There are two embedders named {config.name!r}; give one of them another name.")
        embedders[config.name] = _create(config, threads)
    return embedders


def _create(config: EmbedderConfig, threads: int | None) -> OwnedEmbedder:
    match config.kind:
        case "sentence-transformers":
            return SentenceTransformerEmbedder(
                name=config.name,
                model=config.model,
                languages=config.languages,
                dimension=config.dimension,
                threads=threads,
            )
        case "openai":
            return OpenAICompatibleEmbedder(
                name=config.name,
                model=config.model,
                base_url=config.base_url,
                api_key=config.api_key,
                languages=config.languages,
                dimension=config.dimension,
            )
        case _:
            assert_never(config.kind)
