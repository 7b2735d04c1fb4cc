"""The same chat as its own OAuth client of Keycloak: the control."""

import chainlit as cl


@cl.oauth_callback
def oauth_callback(provider_id, token, raw_user_data, default_user):
    return default_user


@cl.on_message
async def on_message(message):
    user = cl.user_session.get("user")
    await cl.Message(content=f"{user.identifier} said {message.content}").send()
