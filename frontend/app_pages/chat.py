"""Chat: ask, watch the answer come, open its sources.

The skeleton of containers is the same in every run, so that nothing of an earlier run shows through.
"""

import streamlit as st

from frontend.chat.composer import draw_composer
from frontend.chat.conversation import Conversation, load_conversation
from frontend.chat.live import decision_place, follow_answer, wait_for_decision
from frontend.chat.messages import cards_of, draw_answer, draw_user, place_of, places_of
from frontend.chat.sidebar import draw_conversations, open_thread, thread_in_address
from frontend.chat.welcome import draw_welcome
from frontend.chat.window import draw_earlier, drawn_turns
from frontend.client import ApiError
from frontend.components import citation_cards, focus_box
from frontend.session import api, show_error, texts
from frontend.source_panel import draw_wanted_source, want_source

say = texts()
hero = st.empty()  # cleared at once when the conversation begins, not only when its first answer is written
thread = st.container(key="thread")
chips = st.container(key="chips")
bottom = st.bottom.container(key="composer")

thread_id = thread_in_address()
with st.session_state["sidebar"]:
    draw_conversations(thread_id)

conversation = Conversation(thread=None, path=())
try:
    bases, models, phases = api().knowledge_bases(), api().models(), api().phases()
    conversation = load_conversation(thread_id)
except ApiError as error:
    with hero.container():
        if error.status == 404 and thread_id:
            st.info(say("chat.gone"), icon=":material/search_off:")
            st.button(say("threads.new"), key="leave", type="primary", on_click=open_thread, args=("",))
        else:
            show_error(error, "chat")
    st.stop()

with bottom:
    choice = draw_composer(conversation, bases, models, phases)

found = st.session_state.get("found-message", "")
drawn = drawn_turns(conversation, found)
messages = {turn.message.id: turn.message for turn in drawn}
questions = [message.id for message in messages.values() if message.role == "user"]
shown_first = found if found in messages else questions[-1] if questions else ""
places = [f"message-{shown_first}"] if shown_first else []
if conversation.running and conversation.path[-1].message.status == "waiting" and shown_first != found:
    places.append(decision_place(conversation.path[-1].message))
focus_box(f"{thread_id} {conversation.last_id} {conversation.running}", f"chat {thread_id}")
with chips:
    clicked = citation_cards(
        {name: card for message in messages.values() for name, card in cards_of(message, choice.names).items()},
        {"uncited": say("chat.uncited_long"), "unsupported": say("chat.unsupported"), "hint": say("chat.open_hint")},
        focus=places,
        key="citations",
    )

if not conversation.path:
    with hero.container(key="hero"):
        draw_welcome(bases, choice)

st.session_state["base-names"] = {base.id: base.name for base in bases}
if clicked and (place := place_of(clicked, messages)) is not None:
    want_source(place, places_of(clicked, messages))
draw_wanted_source()

with thread:
    draw_earlier(conversation, drawn)
    for turn in drawn:
        if turn.message.role == "user":
            draw_user(conversation, turn, choice)
        elif conversation.running and turn.message.id == conversation.last_id and turn.message.status == "waiting":
            wait_for_decision(turn.message)
        elif conversation.running and turn.message.id == conversation.last_id:
            follow_answer(conversation, turn.message)
        else:
            draw_answer(conversation, turn, choice)
