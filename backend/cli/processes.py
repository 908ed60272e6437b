"""Commands that run the product's processes, and those that look after what they need."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.opening import made_data_dir, make_ready

if TYPE_CHECKING:
    from backend.settings import Settings

HOST = "Address to listen on; on any but a loopback one CHATBOT_TOKEN must be set."
API_PORT = "Port of the API; 0: any free one."
UI_PORT = "Port of the browser interface; 0: any free one."

Host = Annotated[str | None, typer.Option("--host", help=HOST, show_default="127.0.0.1")]
ApiPort = Annotated[int | None, typer.Option("--api-port", help=API_PORT, min=0, max=65535, show_default="8000")]
UiPort = Annotated[int | None, typer.Option("--port", help=UI_PORT, min=0, max=65535, show_default="8501")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    for command in (up, serve, worker, ui, migrate, doctor):
        app.command()(command)


def up(host: Host = None, port: UiPort = None, api_port: ApiPort = None) -> None:
    """Run everything: API, worker and browser interface. Prints the one address to open."""
    from backend.processes.endings import keep_ending
    from backend.processes.instance_lock import Addresses, claimed
    from backend.processes.supervisor import ChildSpec, Supervisor, check_port
    from backend.settings import load_settings, require_token

    settings = load_settings()
    ui_host, api_host = host or settings.ui.host, host or settings.api.host
    for each in (ui_host, api_host):
        require_token(settings, each)
    program = (sys.executable, "-m", "backend")
    data_dir = made_data_dir(settings)
    with claimed(data_dir) as announce:
        ui_port = check_port(ui_host, settings.ui.port if port is None else port, "--port")
        api_port = check_port(api_host, settings.api.port if api_port is None else api_port, "--api-port")
        api_url = f"http://{_reachable(api_host)}:{api_port}"
        ui_url = f"http://{_reachable(ui_host)}:{ui_port}"
        announce(Addresses(ui=ui_url, api=api_url))
        specs = [
            ChildSpec(
                name="api",
                command=(*program, "serve", "--host", api_host, "--api-port", str(api_port)),
                url=f"{api_url}/readyz",
            ),
            ChildSpec(name="worker", command=(*program, "worker")),
            ChildSpec(
                name="ui",
                command=_ui_command(settings, ui_host, ui_port, api_url),
                url=f"{ui_url}/_stcore/health",
            ),
        ]
        typer.echo("Starting …", err=True)
        ready = f"DevOps ChatBot is ready: {ui_url}"
        supervisor = Supervisor(
            specs,
            preparation=(*program, "migrate", "--quiet"),
            on_ready=lambda: typer.echo(ready),
            on_end=partial(keep_ending, data_dir),
        )
        if not supervisor.run():
            raise typer.Exit(1)


def serve(host: Host = None, api_port: ApiPort = None) -> None:
    """Run the API alone."""
    from backend.app import serve as serve_api
    from backend.settings import load_settings

    settings = load_settings()
    changes = {name: value for name, value in {"host": host, "port": api_port}.items() if value is not None}
    settings = settings.model_copy(update={"api": settings.api.model_copy(update=changes)})
    make_ready(settings)
    serve_api(settings)


def worker() -> None:
    """Run a worker: it builds knowledge bases and does whatever else takes time. Any number may run."""
    from backend.processes.worker import run_worker
    from backend.settings import load_settings

    settings = load_settings()
    make_ready(settings)
    run_worker(settings)


def ui(
    host: Host = None,
    port: UiPort = None,
    api_url: Annotated[str | None, typer.Option("--api-url", help="The API.", show_default="the local one")] = None,
) -> None:
    """Run the browser interface alone."""
    from backend.settings import load_settings

    settings = load_settings()
    api_url = api_url or settings.api.url or f"http://{_reachable(settings.api.host)}:{settings.api.port}"
    command = _ui_command(settings, host or settings.ui.host, settings.ui.port if port is None else port, api_url)
    sys.stdout.flush()
    os.execv(command[0], command)


def migrate(quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when all is well.")] = False) -> None:
    """Bring the database to the shape this version needs."""
    from backend.settings import load_settings

    changed = make_ready(load_settings())
    if not quiet:
        typer.echo("The database has been brought up to date." if changed else "The database is up to date.")


def doctor(
    as_json: AsJson = False,
    quick: Annotated[bool, typer.Option("--quick", help="Neither load embedders nor compare documents.")] = False,
) -> None:
    """Say what is there, what is missing, and what to type."""
    from backend.operations.doctor import examine, render, render_json
    from backend.settings import load_settings

    findings = examine(load_settings(), quick=quick)
    typer.echo(render_json(findings) if as_json else render(findings))
    if any(finding.status == "failed" for finding in findings):
        raise typer.Exit(1)


def _ui_command(settings: Settings, host: str, port: int, api_url: str) -> tuple[str, ...]:
    megabytes = max(1, settings.uploads.max_file_bytes // (1024 * 1024))
    options = ["--host", host, "--port", str(port), "--api-url", api_url, "--max-upload-mb", str(megabytes)]
    options += ["--half-open-seconds", str(settings.api.half_open_seconds)]
    for name in settings.api.allowed_hosts:
        options += ["--allowed-host", name]
    for origin in settings.api.allowed_origins:
        options += ["--allowed-origin", origin]
    for proxy in settings.api.trusted_proxies:
        options += ["--trusted-proxy", proxy]
    return (sys.executable, "-m", "frontend", *options)


def _reachable(host: str) -> str:
    """The address by which this machine reaches what listens on `host`."""
    plain = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"[{plain}]" if ":" in plain and not plain.startswith("[") else plain
