"""Unit tests that docker-compose.yml, the image, the gateway and the embedded run agree."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from deploy.embedded.dispatcher import PREFIXES
from services.dashboard.http import imports
from services.roster import http as roster
from shared.runtime.web.server import KEEP_ALIVE_SECONDS

_ROOT = Path(__file__).parents[3]
_COMPOSE = _ROOT / "docker-compose.yml"
_SECRETS = _ROOT / "deploy" / "compose" / "secrets.sh"
_SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")


def _create_secrets(file: Path) -> dict[str, str]:
    subprocess.run([_SECRETS, file], check=True, capture_output=True)
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_the_gateway_routes_the_prefixes_of_the_embedded_run() -> None:
    text = (_ROOT / "deploy" / "gateway" / "nginx.conf").read_text()
    routes = re.findall(r"location ~ \^/\(?([a-z|]+)\)?\(/\|\$\) \{\s+set \$service (\w+);", text)
    routed = {prefix: service for prefixes, service in routes for prefix in prefixes.split("|")}
    assert routed == {prefix: service for prefix, service in PREFIXES.items() if service != "mailbox"}
    (areas,) = re.findall(r"\(\?<first>([a-z|]+)\)", text)
    assert set(areas.split("|")) == set(routed)


def test_the_gateway_takes_large_bodies_where_the_services_do() -> None:
    text = (_ROOT / "deploy" / "gateway" / "nginx.conf").read_text()
    large = re.findall(r"location ~ (\S+) \{\s+set \$service \w+;\s+client_max_body_size 65m;", text)
    assert text.count("client_max_body_size 65m;") == len(large)
    assert set(large) == {
        "^" + path.replace("{school_id}", "[^/]+") + "$" for path in (roster.UPLOAD_PATH, imports.UPLOAD_PATH)
    }


def test_the_gateway_keeps_idle_connections_as_long_as_the_services() -> None:
    text = (_ROOT / "deploy" / "gateway" / "nginx.conf").read_text()
    assert re.findall(r"keepalive_timeout (\w+);", text) == [f"{KEEP_ALIVE_SECONDS}s"]


def test_the_image_leaves_out_what_only_the_embedded_run_needs() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    embedded = {Requirement(text).name for text in project["optional-dependencies"]["embedded"]}
    (excluded,) = re.findall(r"keep = !/\^\(([\w|-]+)\)==/", (_ROOT / "deploy" / "Dockerfile").read_text())
    assert set(excluded.split("|")) == embedded


def test_every_service_runs_as_api_and_as_worker() -> None:
    services = yaml.safe_load(_COMPOSE.read_text())["services"]
    for name in _SERVICES:
        assert services[name]["command"] == f"python -m services.{name} api"
        assert services[f"{name}-worker"]["command"] == f"python -m services.{name} worker"


def test_every_long_running_service_has_a_health_check_and_is_restarted() -> None:
    services = yaml.safe_load(_COMPOSE.read_text())["services"]
    for name, service in services.items():
        if name in ("migrate", "topics"):
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name


def test_the_script_creates_every_secret_that_the_project_requires(tmp_path: Path) -> None:
    required = set(re.findall(r"\$\{(\w+):\?", _COMPOSE.read_text()))
    assert required == set(_create_secrets(tmp_path / ".env"))


def test_secrets_are_random_private_and_preserved(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DASHBOARD_OWNER_EMAIL=head@school.example\n")
    values = _create_secrets(file)
    assert values["DASHBOARD_OWNER_EMAIL"] == "head@school.example"
    assert _create_secrets(file) == values
    other = _create_secrets(tmp_path / "other.env")
    assert (tmp_path / "other.env").stat().st_mode & 0o077 == 0
    for name in set(values) - {"DASHBOARD_OWNER_EMAIL"}:
        assert values[name] != other[name], name


def test_only_migrate_knows_the_owner_of_the_tables() -> None:
    services = yaml.safe_load(_COMPOSE.read_text())["services"]
    for name, service in services.items():
        environment = service.get("environment", {})
        login = re.match(r"postgresql\+asyncpg://(\w+):", environment.get("KINVITE_DATABASE_URL", ""))
        assert login is None or login[1] == "kinvite_app", name
        if name not in ("migrate", "postgres"):
            assert "KINVITE_DATABASE_PASSWORD" not in str(environment), name
