"""A page that takes the person from the gateway's headers and counts for them."""

import streamlit as st

st.title("Counter")
st.write(f"Signed in as **{st.user.get('user')}**, {st.user.get('email')}.")

st.session_state.setdefault("count", 0)
if st.button("Count"):
    st.session_state.count += 1
st.metric("Counted in this tab", st.session_state.count)

# A link, not st.logout: Streamlit itself has nobody signed in here.
st.html('<a href="/auth/logout" target="_self">Sign out</a>')
