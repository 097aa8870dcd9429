"""The files for containers and hosts keep the usual rules; nothing is built here."""

import fnmatch
import re
import shlex
import tomllib

import yaml
from support.cohorts import CHECKOUT

from brainseg.verbs import VERBS


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, in order, with continued lines joined."""
    text = (CHECKOUT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def values(name: str) -> list[str]:
    return [value for instruction, value in instructions() if instruction == name]


def composed() -> dict:
    return yaml.safe_load((CHECKOUT / "compose.yaml").read_text())


def test_the_image_has_a_fixed_base_no_root_a_volume_and_a_health_check():
    bases = [value.split()[0] for value in values("FROM")]
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases)
    last = [name for name, _ in instructions()][-8:]
    assert values("USER") == ["1000"] and last.index("USER") < last.index("ENTRYPOINT")
    assert values("VOLUME") == ["/state"] and "BRAINSEG_HOME=/state" in values("ENV")[0]
    assert "/api/health" in values("HEALTHCHECK")[0]
    assert "ADD" not in dict(instructions()), "COPY unpacks nothing and fetches nothing"
    assert all(value.startswith("[") for value in values("ENTRYPOINT") + values("CMD"))
    assert all("--no-cache-dir" in run for run in values("RUN") if "pip install" in run)


def test_the_python_of_the_image_is_one_that_the_package_supports():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    least, below = re.findall(r"3\.(\d+)", project["requires-python"])
    for base in values("FROM"):
        assert int(least) <= int(re.search(r"3\.(\d+)", base)[1]) < int(below)


def test_the_build_sees_what_the_package_is_built_from_and_nothing_else():
    lines = (CHECKOUT / ".dockerignore").read_text().split()
    seen = [line[1:].rstrip("/") for line in lines if line.startswith("!")]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    dynamic = project["tool"]["setuptools"]["dynamic"]
    extras = dynamic["optional-dependencies"].values()
    needed = {file for one in (dynamic["dependencies"], *extras) for file in one["file"]}
    needed |= {
        "brainseg/x.py",
        "dashboard/app.py",
        "models/lgg-unet/manifest.json",
        "pyproject.toml",
    }
    for path in needed:
        tops = {path, path.split("/")[0]}
        assert any(fnmatch.fnmatch(top, one) for top in tops for one in seen), path
    assert not {"tests", ".git", "deploy", ".env"} & set(seen) and lines.index("*") < 20


def test_the_image_installs_extras_that_exist():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    known = set(project["tool"]["setuptools"]["dynamic"]["optional-dependencies"])
    asked = re.search(r"\.\[([a-z,]+)\]", values("RUN")[0])[1].split(",")
    assert set(asked) == {"auth", "postgres", "remote"} <= known


def test_the_composition_has_no_password_no_floating_image_and_ordered_starts():
    services = composed()["services"]
    for name, service in services.items():
        image = service.get("image")
        assert image is None or re.fullmatch(r"[a-z]+:\d+(\.\d+)?-\w+", image), name
        assert service["restart"] == "unless-stopped"
    text = (CHECKOUT / "compose.yaml").read_text()
    assert "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?" in text
    awaited = [one.get("depends_on", {}).values() for one in services.values()]
    assert all(one["condition"] == "service_healthy" for before in awaited for one in before)
    assert [name for name, one in services.items() if "ports" in one] == ["nginx"]
    server = services["server"]
    assert server["read_only"] and server["cap_drop"] == ["ALL"] and "localhost " in str(server)
    named = {key for one in services.values() for key in one.get("secrets", [])}
    assert named == set(composed()["secrets"])


def test_the_options_of_the_composition_exist():
    known = {flag for flag, _ in VERBS["dashboard"][1]}
    words = composed()["services"]["server"]["command"]
    assert {word for word in words if word.startswith("--")} <= known
    run = next(
        line for line in (CHECKOUT / "Dockerfile").read_text().splitlines() if "docker run" in line
    )
    own = shlex.split(run)[shlex.split(run).index("brainseg", 8) :]
    assert {word for word in own if word.startswith("--")} <= known


def test_secrets_beside_the_composition_are_never_committed():
    ignored = (CHECKOUT / ".gitignore").read_text().split()
    for secret in composed()["secrets"].values():
        assert any(fnmatch.fnmatch(f"/{secret['file']}", one) for one in ignored), secret
    assert "/.env" in ignored


def test_nginx_passes_sockets_keeps_uploads_off_its_disk_and_hides_figures():
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    assert text.count("{") == text.count("}")
    for words in (
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Host $host;",
        "proxy_request_buffering off;",
        "client_max_body_size 260m;",
        "location = /metrics { return 404; }",
    ):
        assert words in text


def test_hosts_of_apps_say_that_they_count_and_get_no_login_on_purpose():
    secrets = tomllib.loads((CHECKOUT / "deploy" / "streamlit-cloud.toml").read_text())
    assert all(isinstance(value, str) for value in secrets.values()), "others become no variables"
    assert "counts visits" in secrets["BRAINSEG_NOTICE"] and secrets["BRAINSEG_SAMPLE"] == "1"
    front = (CHECKOUT / "deploy" / "huggingface" / "README.md").read_text().split("---")[1]
    space = yaml.safe_load(front)
    assert space["sdk"] == "docker" and str(space["app_port"]) == values("EXPOSE")[0]
