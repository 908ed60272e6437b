"""Who reaches the product, and where."""

from __future__ import annotations

from collections.abc import Iterator

from backend.operations.doctor.addresses import status_of
from backend.operations.doctor.findings import Finding
from backend.settings import Settings


def access(settings: Settings) -> Finding:
    """Whether whoever can reach the product needs a token."""
    strangers = settings.strangers
    token = settings.token.get_secret_value()
    if strangers and not token:
        detail = f"{', '.join(strangers)} can be reached by others, or others by it, and there is no token"
        return Finding(name="Access", status="failed", detail=detail, advice="Set CHATBOT_TOKEN to a long random word.")
    return Finding(name="Access", status="ok", detail="by token" if token else "from this machine only, no token")


def ports(settings: Settings) -> Iterator[Finding]:
    """Whether the ports are free, or the product answers at them."""
    from backend.errors import BackendError
    from backend.processes.instance_lock import running_at
    from backend.processes.supervisor import check_port

    running = running_at(settings.data_dir.expanduser())
    api, ui = ("API port", "--api-port", "/healthz"), ("UI port", "--port", "/_stcore/health")
    if running is not None:
        for (name, _, path), address in ((api, running.api), (ui, running.ui)):
            if status_of(f"{address}{path}") == 200:
                yield Finding(name=name, status="ok", detail=f"{address} answers: the product is running")
            else:
                advice = "It may be starting; else read what devops-chatbot up printed."
                yield Finding(name=name, status="warning", detail=f"{address} does not answer", advice=advice)
        return
    for (name, option, path), host, port in (
        (api, settings.api.host, settings.api.port),
        (ui, settings.ui.host, settings.ui.port),
    ):
        try:
            check_port(host, port, option)
            yield Finding(name=name, status="ok", detail=f"{host}:{port} is free")
        except BackendError as error:
            if status_of(f"http://{host}:{port}{path}") == 200:
                detail = f"{host}:{port} answers: a product is running there"
                yield Finding(name=name, status="ok", detail=detail)
            else:
                yield Finding(name=name, status="warning", detail=str(error), advice=f"devops-chatbot up {option} N")
