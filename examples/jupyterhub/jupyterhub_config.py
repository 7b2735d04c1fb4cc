# JupyterHub behind Cardea. The first part is what a hub needs for that; the second
# lets this one run from a folder, to try it out.
import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821: JupyterHub provides it

# The authenticator is the file beside this one.
sys.path.insert(0, str(Path(__file__).resolve().parent))
c.JupyterHub.authenticator_class = "cardea_authenticator.CardeaAuthenticator"

# People come in through Cardea only, which runs on this machine. The address that they
# see is Cardea's; JupyterHub need not know it, because Cardea keeps the Host header.
port = int(os.environ.get("JUPYTERHUB_PORT", "8000"))
c.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
c.JupyterHub.hub_ip = "127.0.0.1"

# To try it out: everything in one folder, and everybody's server in the account that
# runs the hub. That keeps nobody's files from anybody. A real hub has a real spawner.
state = Path(os.environ.get("JUPYTERHUB_STATE", "jupyterhub-state")).resolve()
(state / "home").mkdir(mode=0o700, parents=True, exist_ok=True)
c.JupyterHub.db_url = f"sqlite:///{state}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{state}/cookie_secret"
c.ConfigurableHTTPProxy.pid_file = f"{state}/proxy.pid"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = f"{state}/home/{{username}}"

programs = Path(sys.executable).parent
os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
c.Spawner.cmd = [str(programs / "jupyterhub-singleuser")]
c.Spawner.args = ["--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate"]
if os.geteuid() == 0:
    c.Spawner.args.append("--allow-root")
