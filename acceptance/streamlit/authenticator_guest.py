"""The usual page with the guest login by Google. Google's addresses are fixed in the
package, so what Google says of a person is answered here; the rest is the package's."""

import streamlit as st
import streamlit_authenticator as stauth
import yaml
from streamlit_authenticator.models.oauth2 import GoogleModel
from yaml.loader import SafeLoader

GoogleModel.get_google_user_info = lambda self, code: {
    "email": "alice@acme.example",
    "given_name": "Alice",
    "family_name": "Archer",
}

with open("config.yaml", encoding="utf-8") as file:
    config = yaml.load(file, Loader=SafeLoader)

authenticator = stauth.Authenticate(
    config["credentials"],
    config["cookie"]["name"],
    config["cookie"]["key"],
    config["cookie"]["expiry_days"],
)

try:
    authenticator.experimental_guest_login("Login with Google", provider="google", oauth2=config["oauth2"])
except Exception as e:
    st.error(e)

if st.session_state.get("authentication_status"):
    authenticator.logout()
    st.write(f"Welcome *{st.session_state.get('name')}*")
    st.title("Some content")
