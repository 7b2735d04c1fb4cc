"""The hub of the acceptance tests: the published example, on ports of this run.

With ACCEPTANCE_ISSUER it is its own OAuth client instead, as people had it before: the
control.
"""

import os

env = os.environ

load_subconfig("jupyterhub_config.py", path=env["ACCEPTANCE_EXAMPLE"])  # noqa: F821

c = get_config()  # noqa: F821

c.JupyterHub.hub_port = int(env["ACCEPTANCE_HUB_PORT"])
c.ConfigurableHTTPProxy.should_start = False  # the tests start it
c.ConfigurableHTTPProxy.api_url = env["ACCEPTANCE_PROXY_API"]

# One signal ends the hub and everybody's server; nothing outlives the run.
c.JupyterHub.cleanup_servers = False
c.LocalProcessSpawner.popen_kwargs = {"start_new_session": False}
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120

# A script that looks after the hub, without a browser.
c.JupyterHub.services = [{"name": "acceptance", "api_token": env["ACCEPTANCE_API_TOKEN"]}]
c.JupyterHub.load_roles = [{
    "name": "acceptance",
    "services": ["acceptance"],
    "scopes": ["list:users", "read:users", "read:tokens", "read:servers", "read:hub"],
}]

if "ACCEPTANCE_ISSUER" in env:
    oidc = env["ACCEPTANCE_ISSUER"] + "/protocol/openid-connect"
    c.JupyterHub.authenticator_class = "generic-oauth"
    c.GenericOAuthenticator.client_id = env["ACCEPTANCE_CLIENT_ID"]
    c.GenericOAuthenticator.client_secret = env["ACCEPTANCE_CLIENT_SECRET"]
    c.GenericOAuthenticator.oauth_callback_url = env["ACCEPTANCE_CALLBACK"]
    c.GenericOAuthenticator.authorize_url = oidc + "/auth"
    c.GenericOAuthenticator.token_url = oidc + "/token"
    c.GenericOAuthenticator.userdata_url = oidc + "/userinfo"
    c.GenericOAuthenticator.scope = ["openid", "profile", "email"]
    c.GenericOAuthenticator.username_claim = "preferred_username"
    c.GenericOAuthenticator.auto_login = True
    c.Authenticator.allow_all = True
