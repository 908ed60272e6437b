"""Models: language models that may write answers. None is needed."""

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.session import api, explain, notify, remember_error, show_error, texts
from frontend.views import Model

say = texts()


def draw_model(model: Model) -> None:
    with st.container(border=True, key=f"model-{model.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain_label(model.name)}**", width="content")
            if model.is_default:
                st.badge(say("models.default"), icon=":material/star:", color="green")
            if model.origin == "settings":
                st.badge(say("models.from_settings"), icon=":material/settings:", color="gray")
        where = model.base_url or say("models.provider")
        key = say("models.key_stored") if model.has_api_key else say("models.no_key")
        st.text(f"{model.model} · {where} · {key}")
        with st.container(horizontal=True):
            if st.button(say("models.test"), key=f"test-{model.id}", icon=":material/network_check:"):
                check(model)
            if not model.is_default and model.origin == "stored":
                st.button(
                    say("models.make_default"), key=f"default-{model.id}", icon=":material/star:", on_click=act,
                    args=("change_model", model.id), kwargs={"done": say("models.default_changed"), "is_default": True},
                )  # fmt: skip
            if model.origin == "stored":
                draw_change(model)
                draw_key(model)
                with st.popover(say("action.delete"), icon=":material/delete:", key=f"delete-question-{model.id}"):
                    st.markdown(say("models.delete_question", name=plain_label(model.name)))
                    st.button(
                        say("action.delete"), key=f"delete-{model.id}", type="primary", on_click=act,
                        args=("delete_model", model.id), kwargs={"done": say("models.deleted")},
                    )  # fmt: skip
        checked = st.session_state.get("checks", {}).get(model.id)
        if checked is not None:
            (st.success if checked[0] else st.error)(checked[1])


def draw_change(model: Model) -> None:
    with st.popover(say("models.change"), icon=":material/edit:", key=f"change-question-{model.id}"):
        st.text_input(say("models.base_url"), value=model.base_url, key=f"url-{model.id}", help=say("models.url_help"))
        st.text_input(say("models.model"), value=model.model, max_chars=500, key=f"served-{model.id}")
        if model.has_api_key:
            st.text_input(
                say("models.key_again"), type="password", key=f"again-{model.id}", help=say("models.key_again_help")
            )
        st.button(say("action.save"), key=f"change-{model.id}", type="primary", on_click=save_change, args=(model.id,))


def save_change(model_id: str) -> None:
    base_url, model = (st.session_state[f"{name}-{model_id}"].strip() for name in ("url", "served"))
    if not model:
        st.session_state["problem"] = say("models.incomplete")
        return
    # A key is taken out of the session at once: nothing needs it but the server.
    key = st.session_state.pop(f"again-{model_id}", "")
    given = {"api_key": key} if key else {}
    act("change_model", model_id, done=say("models.changed"), base_url=base_url, model=model, **given)
    st.session_state.get("checks", {}).pop(model_id, None)


def draw_key(model: Model) -> None:
    with st.popover(say("models.change_key"), icon=":material/key:", key=f"key-question-{model.id}"):
        st.text_input(say("models.key"), type="password", key=f"key-{model.id}", help=say("models.key_help"))
        st.button(say("action.save"), key=f"key-save-{model.id}", type="primary", on_click=save_key, args=(model.id,))


def save_key(model_id: str) -> None:
    # Taken out of the session at once: nothing needs the key but the server.
    act("change_model", model_id, done=say("models.key_changed"), api_key=st.session_state.pop(f"key-{model_id}", ""))
    st.session_state.get("checks", {}).pop(model_id, None)


def check(model: Model) -> None:
    with st.spinner(say("models.testing")):
        try:
            answer = api().check_model(model.id)
            took = f" ({answer.latency_ms:.0f} ms)" if answer.latency_ms is not None else ""
            result = (answer.ok, f"{plain_label(answer.message)}{took}")
        except ApiError as error:
            result = (False, explain(error))
    st.session_state.setdefault("checks", {})[model.id] = result


def act(action: str, model_id: str, *, done: str, **changes: object) -> None:
    try:
        getattr(api(), action)(model_id, **changes)
    except ApiError as error:
        remember_error(error)
    else:
        notify(done)


def draw_form(first: bool) -> None:
    st.subheader(say("models.add_title"), anchor=False)
    run = st.session_state.setdefault("model-form", 0)
    with st.form(f"add-model-{run}", border=True):
        name = st.text_input(say("models.name"), max_chars=200, key=f"model-name-{run}", placeholder="qwen3")
        base_url = st.text_input(
            say("models.base_url"),
            key=f"model-url-{run}",
            placeholder="http://127.0.0.1:11434/v1",
            help=say("models.url_help"),
        )
        model = st.text_input(say("models.model"), max_chars=500, key=f"model-model-{run}", placeholder="qwen3:8b")
        api_key = st.text_input(say("models.key"), type="password", key=f"model-key-{run}", help=say("models.key_help"))
        is_default = st.checkbox(say("models.use_as_default"), value=first, key=f"model-default-{run}")
        pressed = st.form_submit_button(say("models.add"), type="primary", icon=":material/add:")
    if not pressed:
        return
    if not (name.strip() and model.strip()):
        st.warning(say("models.incomplete"))
        return
    try:
        added = api().create_model(
            name=name.strip(), base_url=base_url.strip(), model=model.strip(), api_key=api_key, is_default=is_default
        )
    except ApiError as error:
        st.error(explain(error), icon=":material/error:")
        return
    check(added)
    st.session_state["model-form"] += 1  # a new form is an empty form, and lets go of the key
    notify(say("models.added"))
    st.rerun()


st.title(say("page.models"), anchor=False)
st.markdown(say("models.intro"))
try:
    models = api().models()
    for each in models:
        draw_model(each)
    draw_form(first=not models)
except ApiError as problem:
    show_error(problem, "models")
