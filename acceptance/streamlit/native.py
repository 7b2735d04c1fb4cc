"""The same page as its own OpenID client: the control."""

import json
import os

import streamlit as st

RECORD = os.environ["ACCEPTANCE_RECORD"]


def record(event):
    entry = {"event": event, "user": st.user.get("preferred_username"), "email": st.user.get("email")}
    with open(RECORD, "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")


if not st.user.is_logged_in:
    st.button("Sign in", on_click=st.login)
    st.stop()

record("run")
st.text(f"mail {st.user.get('email')}")
st.button("Count", on_click=record, args=("click",))
st.button("Sign out", on_click=st.logout)
