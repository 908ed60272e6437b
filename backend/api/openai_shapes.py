"""The OpenAI protocol's requests and responses, as its own clients read them, with our additions as extra fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.api.openai_cut import CutReason
from backend.schemas import CalledToolView, SearchFilters, check_storable
from knowledge.types import Verdict

Text = Annotated[str, Field(max_length=2_000_000)]


class Strict(BaseModel):
    """A request: a parameter we do not know is refused by name, so that nobody believes it was honoured."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return check_storable(value)


class Lenient(Strict):
    """A part of a conversation as another model may have left it: what it holds besides text is passed over."""

    model_config = ConfigDict(extra="ignore")


class ContentPart(Lenient):
    type: Annotated[str, Field(max_length=100)]
    text: Text = ""


class ChatMessage(Lenient):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[ContentPart] | None = None
    tool_calls: Any = None
    function_call: Any = None

    @property
    def text(self) -> str:
        """What the message says; parts that are not text are left out."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


Penalty = Annotated[float, Field(ge=-2, le=2)]
Stop = Annotated[str, Field(max_length=1000)]
Tokens = Annotated[int, Field(ge=1)]


class ChatRequest(Strict):
    """`model` names a phase. `stop`, `max_tokens` and `max_completion_tokens` end an answer early; what a model samples
    by is passed on to the one that writes. Ours: `knowledge_bases` (ids or names; none: all, the sample guide only
    where there is nothing else), `filters`, and `language_model`, a configured model's name or "none" for an extractive
    answer."""

    model: Annotated[str, Field(max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    reasoning_effort: Annotated[str, Field(max_length=50)] | None = None
    # Names and notes of the caller: they ask for nothing.
    user: Annotated[str, Field(max_length=1000)] | None = None
    metadata: dict[str, str] | None = None
    safety_identifier: Annotated[str, Field(max_length=1000)] | None = None
    prompt_cache_key: Annotated[str, Field(max_length=1000)] | None = None
    prompt_cache_retention: Annotated[str, Field(max_length=50)] | None = None
    prompt_cache_options: dict[str, Any] | None = None
    # Refused by name unless they ask for nothing special: see backend.api.openai_parameters.
    n: Any = None
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    functions: Any = None
    function_call: Any = None
    response_format: Any = None
    modalities: Any = None
    audio: Any = None
    verbosity: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    logit_bias: Any = None
    prediction: Any = None
    moderation: Any = None
    web_search_options: Any = None
    store: Any = None
    service_tier: Any = None
    knowledge_bases: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)] | None = None
    filters: SearchFilters | None = None
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
    anchor: str
    quote: str
    start: int
    end: int
    supported: bool
    call: CalledToolView | None = None


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
    finish_reason: CutReason = "stop"


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


class EmbeddingsRequest(Strict):
    model: Annotated[str, Field(max_length=200)]
    input: (
        Annotated[str, Field(min_length=1, max_length=200_000)]
        | Annotated[list[Annotated[str, Field(min_length=1, max_length=200_000)]], Field(min_length=1, max_length=2048)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)
    user: Annotated[str, Field(max_length=1000)] | None = None


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage
