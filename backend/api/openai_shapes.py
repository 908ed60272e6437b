"""The OpenAI protocol's requests and responses, as its own clients read them, with our additions as extra fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.schemas import SearchFilters, check_storable
from knowledge.types import Verdict

Text = Annotated[str, Field(max_length=2_000_000)]


class Lenient(BaseModel):
    """A request of a protocol that grows: what we do not know (temperature, tools, …) is passed over."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return check_storable(value)


class ContentPart(Lenient):
    type: Annotated[str, Field(max_length=100)]
    text: Text = ""


class ChatMessage(Lenient):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        """What the message says; parts that are not text are left out."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(Lenient):
    include_usage: bool = False


class ChatRequest(Lenient):
    """`model` names a phase. Ours: `knowledge_bases` (ids or names; none: all), `filters`, and `language_model`, a
    configured model's name or "none" for an extractive answer."""

    model: Annotated[str, Field(max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    knowledge_bases: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    filters: SearchFilters = Field(default_factory=SearchFilters)
    language_model: Annotated[str, Field(max_length=200)] | None = None


class UrlCitation(BaseModel):
    """Where in the answer (characters) it stands and what it points at; the rest is ours."""

    start_index: int
    end_index: int
    title: str
    url: str
    number: int
    document_id: str
    knowledge_base_id: str
    path: str
    heading_path: list[str]
    quote: str
    start: int
    end: int
    supported: bool


class Annotation(BaseModel):
    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation] = Field(default_factory=list)


class Choice(BaseModel):
    index: int = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatCompletion(BaseModel):
    """`verdict`, `answered` and `mode` are ours: how surely the sources answer, whether the verdict is `answered`, and
    whether a model wrote the text."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: None = None
    verdict: Verdict
    answered: bool
    mode: str


class ModelCard(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "devops-chatbot"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelCard]


class EmbeddingsRequest(Lenient):
    model: Annotated[str, Field(max_length=200)]
    input: (
        Annotated[str, Field(min_length=1, max_length=200_000)]
        | Annotated[list[Annotated[str, Field(min_length=1, max_length=200_000)]], Field(min_length=1, max_length=2048)]
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1)


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage
