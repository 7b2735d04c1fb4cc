"""The page with the guest login, its sign-in replaced by the gateway's: the person
comes with the identity headers, and signing out is the gateway's link."""

import streamlit as st

st.link_button("Logout", "/.cardea/sign-out")
st.write(f"Welcome *{st.user.get('name')}*")
st.text(f"mail {st.user.get('email')}")
st.title("Some content")
