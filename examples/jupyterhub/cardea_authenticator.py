# SPDX-License-Identifier: Apache-2.0
"""Lets people into JupyterHub whom Cardea has signed in.

Cardea stands before the hub and names the person in a request header. It removes
whatever a browser sends under that name. With this file where the hub's Python finds
modules:

    c.JupyterHub.authenticator_class = "cardea_authenticator.CardeaAuthenticator"

Nobody may reach the hub, its proxy or a user's server but through Cardea: whoever can
send a request there directly can write that header. Let them listen on 127.0.0.1, or
on a network that only Cardea is on.
"""

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado import web
from traitlets import Unicode, default


class CardeaLoginHandler(BaseHandler):
    """Takes the place of the login form."""

    async def get(self):
        user = await self.login_user()
        if user is None:
            raise web.HTTPError(403, "This hub is entered through Cardea, and you are not allowed in.")
        self.redirect(self.get_next_url(user))


class CardeaAuthenticator(Authenticator):
    """Believes the header that Cardea sets, and nothing else."""

    header = Unicode(
        "X-Forwarded-User",
        config=True,
        help="The header that names the person. Cardea must be configured to set it.",
    )

    @default("auto_login")
    def _auto_login(self):
        return True  # there is no form to show

    @default("allow_all")
    def _allow_all(self):
        return True  # Cardea's access rules decide; False lets the hub's own lists decide as well

    @default("auth_refresh_age")
    def _auth_refresh_age(self):
        return -1  # never fresh: refresh_user is asked at every request, and costs nothing

    def login_url(self, base_url):
        return url_path_join(base_url, "cardea-login")

    def get_handlers(self, app):
        return [("/cardea-login", CardeaLoginHandler)]

    async def authenticate(self, handler, data=None):
        return self._named(handler)

    async def refresh_user(self, user, handler=None):
        """Refuses a hub cookie that came with another person's name.

        The hub reads the header only at its login and believes its own cookie for weeks
        after. Calls by API token, and those of the users' servers, carry no name.
        """
        if handler is None or not handler.request.headers.get_list(self.header):
            return True
        owner = handler.get_current_user_cookie()
        if owner is None or owner.name != user.name:
            return True
        named = self._named(handler)
        return named is not None and self.normalize_username(named) == user.name

    def _named(self, handler):
        """The name, when there is exactly one."""
        names = [name.strip() for name in handler.request.headers.get_list(self.header)]
        if len(names) != 1 or not names[0] or "," in names[0]:
            return None
        return names[0]
