"""The sandbox: whether code can run, a cell to run it in, and the sessions with their files, usage and runs."""

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.sandbox.network import draw_opening, draw_requests, session_name
from frontend.sandbox.results import draw_files, draw_run, plain_output
from frontend.sandbox.running import run_code
from frontend.sandbox.views import SandboxSession, SandboxStatus
from frontend.session import api, explain, notify, remember_error, shown_errors, texts

say = texts()
MEGABYTE = 1024 * 1024


def draw_status(status: SandboxStatus) -> None:
    if not status.available:
        st.info(say("sandbox.unavailable"), icon=":material/block:")
        st.text(status.reason)
        return
    limits = status.limits
    st.caption(
        say(
            "sandbox.limits",
            adapter=status.adapter,
            memory=f"{limits.get('memory_bytes', 0) / MEGABYTE:.0f}",
            files=f"{limits.get('work_bytes', 0) / MEGABYTE:.0f}",
            seconds=f"{limits.get('run_seconds', 0):.0f}",
        )
    )
    if status.missing:
        st.info(say("sandbox.missing", packages=", ".join(status.missing)), icon=":material/package_2:")
    weak = [name for name, who in status.enforcement.items() if who != "kernel"]
    if weak:
        st.caption(say("sandbox.weak_limits", limits=", ".join(weak)))
    for each in status.not_held:
        st.caption(say.of("sandbox.not_held", each))


def draw_cell(status: SandboxStatus, sessions: list[SandboxSession]) -> None:
    st.subheader(say("sandbox.run_title"), anchor=False)
    with st.container(horizontal=True):
        language = st.selectbox(say("sandbox.language"), status.languages, key="sandbox-language")
        names = {"": say("sandbox.mine"), **{each.id: session_name(each) for each in sessions}}
        chosen = st.selectbox(
            say("sandbox.session"),
            list(names),
            key="sandbox-chosen",
            format_func=lambda id: names.get(id, id[-6:]),
        )
    code = st.text_area(say("sandbox.code"), key="sandbox-code", height=160, placeholder="1 + 1")
    if st.button(say("sandbox.run"), key="sandbox-run", type="primary", icon=":material/play_arrow:") and code.strip():
        with st.spinner(say("sandbox.running")):
            try:
                st.session_state["sandbox-last"] = run_code("page", code, language, chosen)
            except ApiError as error:
                st.error(explain(error), icon=":material/error:")
    last = st.session_state.get("sandbox-last")
    if last is not None:
        draw_run(last[1], last[0], "page")


def draw_session(session: SandboxSession) -> None:
    minutes = max(1, round(session.expires_in_s / 60))
    title = say("sandbox.session_title", name=session_name(session), runs=session.run_count, minutes=minutes)
    with st.expander(title, key=f"session-{session.id}", icon=":material/terminal:"), shown_errors(session.id):
        files = api().sandbox_files(session.id)
        used = files.usage
        st.caption(
            say(
                "sandbox.usage",
                memory=f"{(used.memory_bytes or 0) / MEGABYTE:.0f}",
                files=f"{(used.file_bytes or 0) / MEGABYTE:.1f}",
                processes=used.processes or 0,
            )
        )
        draw_files(files.items[:40], session.id, f"list-{session.id}")
        given = st.file_uploader(say("sandbox.upload"), key=f"upload-{session.id}", accept_multiple_files=True)
        with st.container(horizontal=True):
            st.button(
                say("sandbox.store"), key=f"store-{session.id}", on_click=store, args=(session.id,), disabled=not given
            )
            if session.busy:
                st.button(
                    say("sandbox.interrupt"), key=f"stop-{session.id}", on_click=act, args=("interrupt", session.id)
                )
            st.button(
                say("sandbox.end"), key=f"end-{session.id}", icon=":material/delete:", on_click=act,
                args=("end", session.id),
            )  # fmt: skip
        if session.network:
            draw_requests(api().sandbox_network(session.id))
        for run in reversed(api().sandbox_runs(session.id)):
            st.caption(
                say(
                    "sandbox.ended",
                    status=say.of("sandbox.status", run.reason),
                    seconds=f"{run.duration_ms / 1000:.1f}",
                )
            )
            st.code(plain_output(run.code), language=run.language if run.language != "shell" else "bash")
            if run.output:
                st.code(plain_output(run.output), language=None, wrap_lines=True)


def store(session_id: str) -> None:
    for file in st.session_state.get(f"upload-{session_id}") or []:
        try:
            api().put_sandbox_file(session_id, file.name, file.getvalue())
        except ApiError as error:
            remember_error(error)
            return
        notify(plain_label(file.name))


def act(action: str, session_id: str) -> None:
    try:
        if action == "end":
            api().end_sandbox_session(session_id)
            notify(say("sandbox.has_ended"))
        else:
            api().interrupt_sandbox(session_id)
    except ApiError as error:
        remember_error(error)


st.title(say("page.sandbox"), anchor=False)
with shown_errors("sandbox"):
    found = api().sandbox_status()
    draw_status(found)
    if found.available:
        open_sessions = api().sandbox_sessions()
        draw_cell(found, open_sessions)
        draw_opening(found)
        st.subheader(say("sandbox.sessions"), anchor=False)
        open_sessions = api().sandbox_sessions()
        if not open_sessions:
            st.caption(say("sandbox.no_sessions"))
        for each in open_sessions:
            draw_session(each)
