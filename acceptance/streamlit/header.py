"""A page that trusts its proxy's identity headers, counts in its session state, and
writes down every run of its script."""

import json
import os

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

RECORD = os.environ["ACCEPTANCE_RECORD"]
SESSION = get_script_run_ctx().session_id


def record(event):
    entry = {
        "event": event,
        "user": st.user.get("user"),
        "email": st.user.get("email"),
        "session": SESSION,
        "count": st.session_state.count,
        "owner": st.session_state.owner,
    }
    with open(RECORD, "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")


def count():
    st.session_state.count += 1
    record("click")


st.session_state.setdefault("count", 0)
st.session_state.setdefault("owner", st.user.get("user"))
record("run")

st.title("Ledger")
st.text(f"user {st.user.get('user')}")
st.text(f"mail {st.user.get('email')}")
st.text(f"count {st.session_state.count}")
st.text(f"owner {st.session_state.owner}")
st.button("Count", on_click=count)
