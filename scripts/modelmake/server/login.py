"""Login: write the settings of MLflow's basic auth, and set admin's password to the one on standard input.

docker/server/login.sh runs it on the server's volume. MLflow stores the password as a salted hash.
"""

import os
import secrets
import sys
from pathlib import Path

from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

USER = "admin"
SETTINGS = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = {user}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
# Passwords have a slow hash, so the server checks one once a minute, not for every request.
auth_cache_ttl_seconds = 60
"""


def main(state: str) -> None:
    """Write login/ in the folder `state`: settings, the key that signs sessions, and the users."""
    os.umask(0o077)
    folder = Path(state, "login")
    folder.mkdir(exist_ok=True)
    (folder / "auth.ini").write_text(SETTINGS.format(folder=folder, user=USER), encoding="utf-8")
    (folder / "key").write_text(secrets.token_hex(32), encoding="utf-8")
    store = SqlAlchemyStore()
    store.init_db(f"sqlite:///{folder}/users.db")
    password = sys.stdin.read().strip()
    if store.has_user(USER):
        store.update_user(USER, password=password, is_admin=True)
    else:
        store.create_user(USER, password, is_admin=True)
