"""A chat that takes the person from the gateway's header."""

import asyncio

import chainlit as cl


@cl.header_auth_callback
def who(headers):
    name = headers.get("x-forwarded-user")
    return cl.User(identifier=name) if name else None


@cl.on_chat_start
async def hello():
    name = cl.user_session.get("user").identifier
    await cl.Message(f"Hello, {name}. Say something, or say count: then sign out in another tab.").send()


@cl.on_message
async def answer(message):
    name = cl.user_session.get("user").identifier
    if message.content.strip().lower() != "count":
        await cl.Message(f"{name} said: {message.content}").send()
        return
    counted = cl.Message("")
    for number in range(1, 601):
        await counted.stream_token(f"{number} ")
        await asyncio.sleep(0.5)
    await counted.update()
