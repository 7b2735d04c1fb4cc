import streamlit as st

st.html('<a href="/auth/logout" target="_self">Logout</a>')
st.write(f"Welcome *{st.user.get('user')}*")
st.title("Some content")
