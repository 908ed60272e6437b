"""Chat models behind any endpoint that speaks the OpenAI protocol (OpenAI, vLLM, Ollama, LM Studio and others)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agents.errors import AgentError
from agents.messages.parts import Message
from agents.models.capabilities import check_capabilities
from agents.models.failures import broke_off, origin_of, packed, refusal, timed_out, unreachable, without_keys
from agents.models.openai_messages import wire_messages, wire_options, wire_tools
from agents.models.openai_stream import read_stream
from agents.ports import ModelEvent, ModelOptions, ModelProfile, ToolDefinition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from openai import APIStatusError, AsyncOpenAI
    from openai._response import AsyncAPIResponse


class OpenAICompatibleModel:
    """A ChatModel over the chat completions of an endpoint.

    The SDK makes the request; the lines of the answer are read here, because its typed objects cost five times as much
    per token, and a hundred answers stream through one process. It does not retry: see agents.models.retrying.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        model: str,
        *,
        name: str = "",
        profile: ModelProfile | None = None,
        timeout_s: float = 120.0,
        sampling: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._model = model
        self._name = name or model
        self._timeout_s = timeout_s
        self._sampling = dict(sampling or {})
        self._where = origin_of(str(client.base_url))
        self._profile = profile or ModelProfile()
        self._asks_usage = self._profile.streams_usage

    @property
    def name(self) -> str:
        return self._name

    @property
    def profile(self) -> ModelProfile:
        return self._profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """See ChatModel."""
        import httpx2
        import openai

        check_capabilities(self._name, self._profile, messages, tools, options)
        # In the part of the body that the SDK sends as it is: looking through messages field by field, which have no
        # field to change, takes it a third of the call.
        said = {**self._sampling, "messages": wire_messages(messages), **wire_options(options)}
        if tools:
            said["tools"] = wire_tools(tools)
        begun = False
        try:
            async with self._response(said) as response:
                async for event in read_stream(response.iter_bytes(), self._error_in_stream):
                    begun = True
                    yield event
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except (openai.APITimeoutError, httpx2.TimeoutException) as error:
            if isinstance(error.__cause__, httpx2.ConnectTimeout):
                raise unreachable(self._where) from None
            raise timed_out(self._where, self._timeout_s) from None
        except (openai.APIConnectionError, httpx2.ConnectError) as error:
            raise (packed if isinstance(error.__cause__, httpx2.DecodingError) else unreachable)(self._where) from None
        except httpx2.HTTPError:
            raise (broke_off(self._where) if begun else unreachable(self._where)) from None

    @asynccontextmanager
    async def _response(self, said: dict[str, Any]) -> AsyncIterator[AsyncAPIResponse[Any]]:
        from openai import BadRequestError, UnprocessableEntityError

        create = self._client.chat.completions.with_streaming_response.create
        if self._asks_usage:
            try:
                options: Any = {"include_usage": True}
                async with create(
                    model=self._model, messages=[], stream=True, stream_options=options, extra_body=said
                ) as response:
                    yield response
                return
            except (BadRequestError, UnprocessableEntityError) as error:
                # Older servers refuse the option instead of ignoring it; they answer without counting.
                if "stream_options" not in str(error):
                    raise
                self._asks_usage = False
        async with create(model=self._model, messages=[], stream=True, extra_body=said) as response:
            yield response

    def _refusal(self, error: APIStatusError) -> AgentError:
        body = error.body if isinstance(error.body, dict) else {}
        detail = self._safe(str(body.get("message") or ""))
        return refusal(
            error.status_code, where=self._where, model=self._model, detail=detail, code=str(body.get("code") or "")
        )

    def _error_in_stream(self, error: object) -> AgentError:
        body = error if isinstance(error, dict) else {"message": str(error)}
        code = body.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        detail = self._safe(str(body.get("message") or ""))
        return refusal(status, where=self._where, model=self._model, detail=detail)

    def _safe(self, text: str) -> str:
        return without_keys(text, (self._client.api_key,))
