"""A chat that trusts its proxy's identity header and writes down what it saw."""

import json
import os

import chainlit as cl

RECORD = os.environ["ACCEPTANCE_RECORD"]


def record(**entry):
    with open(RECORD, "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")


@cl.header_auth_callback
def header_auth(headers):
    record(event="header", headers=dict(headers))
    user = headers.get("x-forwarded-user")
    return cl.User(identifier=user) if user else None


@cl.on_message
async def on_message(message):
    user = cl.user_session.get("user")
    record(event="message", user=user.identifier, text=message.content)
    await cl.Message(content=f"{user.identifier} said {message.content}").send()
