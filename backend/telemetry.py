"""What operators see: metrics in a registry of this container, and structured logs without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from agents.answering.ports import Searcher
from backend.settings import Settings
from knowledge.retrieval.retriever import SearchResult
from knowledge.types import Filters

_SECRET_NAME = re.compile(r"(^|[_-])(api_?key|token|password|authorization|cookie|secret)$", re.IGNORECASE)
_HIDDEN = "[hidden]"
_KEPT = {"exception": "\n\t", "stack": "\n\t"}


class Metrics:
    """Counters and timings of one process, in Prometheus' text form."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "chatbot_http_requests_total", "HTTP requests", ["method", "route", "status"], registry=self._registry
        )
        self.request_seconds = Histogram(
            "chatbot_http_request_seconds", "Time to the end of the response", ["method", "route"],
            registry=self._registry,
        )  # fmt: skip
        self.runs = Counter("chatbot_runs_total", "Runs ended", ["phase", "status", "mode"], registry=self._registry)
        self.runs_active = Gauge("chatbot_runs_active", "Runs of this process", registry=self._registry)
        self.run_seconds = Histogram("chatbot_run_seconds", "Time of a run", ["phase"], registry=self._registry)
        self.run_events = Counter("chatbot_run_events_total", "Run events stored", ["kind"], registry=self._registry)
        self.tokens = Counter("chatbot_model_tokens_total", "Tokens of models", ["direction"], registry=self._registry)
        self.streams = Gauge("chatbot_event_streams", "Open event streams", registry=self._registry)
        self.searches = Histogram("chatbot_search_seconds", "Time of a search", registry=self._registry)

    def render(self) -> bytes:
        """All figures now, in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)


class MeasuredSearcher:
    """A searcher whose searches are timed."""

    def __init__(self, searcher: Searcher, metrics: Metrics) -> None:
        self._searcher = searcher
        self._metrics = metrics

    def search(
        self, question: str, *, knowledge_bases: Sequence[str], top_k: int = 10, filters: Filters | None = None
    ) -> SearchResult:
        """As the searcher does."""
        with self._metrics.searches.time():
            return self._searcher.search(question, knowledge_bases=knowledge_bases, top_k=top_k, filters=filters)


def configure_logging(settings: Settings) -> None:
    """Send every log line of the process, ours and the libraries', to stderr in the form the settings ask for."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        SecretFilter(settings),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: list[Any] = [structlog.processors.JSONRenderer()]
    if settings.log.format != "json":
        renderer = [printable, _console()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                SecretFilter(settings),
                *renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log.level.upper())
    for name in ("httpx", "httpx2", "httpcore", "urllib3", "asyncio", "faiss"):
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def _console() -> Any:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def printable(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What others sent cannot end a line of the log nor speak to the terminal that shows it; tracebacks keep lines."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(
                each if each.isprintable() or each in _KEPT.get(key, "") else _shown(each) for each in value
            )
    return event


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode()


class SecretFilter:
    """Replaces the values of secret-looking keys, and every secret of the settings wherever it appears."""

    def __init__(self, settings: Settings) -> None:
        secrets = [settings.token, settings.model.api_key, settings.neo4j.password]
        secrets += [embedder.api_key for embedder in settings.embedders]
        values = [*settings.secret_keys, *(secret.get_secret_value() for secret in secrets)]
        self._values = tuple(value for value in values if len(value) >= 6)

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if _SECRET_NAME.search(key):
                event[key] = _HIDDEN
            elif isinstance(value, str):
                event[key] = self._clean(value)
        return event

    def _clean(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, _HIDDEN)
        return text
