"""What several files must say alike, for docker-compose.yml and its image."""

import re
import subprocess
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from deploy.embedded.dispatcher import PREFIXES
from shared.runtime.web.server import KEEP_ALIVE_SECONDS

_ROOT = Path(__file__).parents[3]
_COMPOSE = _ROOT / "docker-compose.yml"
_SECRETS = _ROOT / "deploy" / "compose" / "secrets.sh"
_PROGRAMS = ("roster", "invitations", "notifier", "signup", "dashboard")


def _make_secrets(file: Path) -> dict[str, str]:
    subprocess.run([_SECRETS, file], check=True, capture_output=True)
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_the_gateway_routes_the_prefixes_of_the_embedded_run() -> None:
    text = (_ROOT / "deploy" / "gateway" / "nginx.conf").read_text()
    routes = re.findall(r"location ~ \^/\(?([a-z|]+)\)?\(/\|\$\) \{\s+set \$service (\w+);", text)
    routed = {prefix: service for prefixes, service in routes for prefix in prefixes.split("|")}
    assert routed == {prefix: service for prefix, service in PREFIXES.items() if service != "mailbox"}
    (areas,) = re.findall(r"\(\?<first>([a-z|]+)\)", text)
    assert set(areas.split("|")) == set(routed)


def test_the_gateway_keeps_idle_connections_as_long_as_the_services() -> None:
    text = (_ROOT / "deploy" / "gateway" / "nginx.conf").read_text()
    assert re.findall(r"keepalive_timeout (\w+);", text) == [f"{KEEP_IDLE_SECONDS}s"]


def test_the_image_leaves_out_what_only_the_embedded_run_needs() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    embedded = {Requirement(text).name for text in project["optional-dependencies"]["embedded"]}
    (left_out,) = re.findall(r"keep = !/\^\(([\w|-]+)\)==/", (_ROOT / "deploy" / "Dockerfile").read_text())
    assert set(left_out.split("|")) == embedded


def test_every_service_runs_as_api_and_as_worker() -> None:
    services = yaml.safe_load(_COMPOSE.read_text())["services"]
    for name in _PROGRAMS:
        assert services[name]["command"] == f"python -m services.{name} api"
        assert services[f"{name}-worker"]["command"] == f"python -m services.{name} worker"


def test_everything_that_stays_has_a_probe_and_comes_back() -> None:
    services = yaml.safe_load(_COMPOSE.read_text())["services"]
    for name, service in services.items():
        if name in ("migrate", "topics"):
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name


def test_the_script_makes_every_secret_that_the_project_demands(tmp_path: Path) -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?", _COMPOSE.read_text()))
    assert demanded == set(_make_secrets(tmp_path / ".env"))


def test_secrets_are_random_private_and_kept(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DASHBOARD_OWNER_EMAIL=head@school.example\n")
    made = _make_secrets(file)
    assert made["DASHBOARD_OWNER_EMAIL"] == "head@school.example"
    assert _make_secrets(file) == made
    other = _make_secrets(tmp_path / "other.env")
    assert (tmp_path / "other.env").stat().st_mode & 0o077 == 0
    for name in set(made) - {"DASHBOARD_OWNER_EMAIL"}:
        assert made[name] != other[name], name


def test_only_migrate_knows_the_owner_of_the_tables() -> None:
    services = yaml.safe_load(_COMPOSE.read_text())["services"]
    for name, service in services.items():
        told = service.get("environment", {})
        login = re.match(r"postgresql\+asyncpg://(\w+):", told.get("KINVITE_DATABASE_URL", ""))
        assert login is None or login[1] == "kinvite_app", name
        if name not in ("migrate", "postgres"):
            assert "KINVITE_DATABASE_PASSWORD" not in str(told), name
