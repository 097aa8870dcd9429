"""The lists of packages: each range is written once, and the slim list trains nothing."""

import re
import tomllib

from support.cohorts import CHECKOUT

TRAINING = {"tensorflow", "keras", "tensorboard"}


def packages_in(name: str) -> list[str]:
    """Return the packages that a list names, those of the lists that it includes as well."""
    path, found = CHECKOUT / name, []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found += packages_in(str((path.parent / line[3:]).relative_to(CHECKOUT)))
        elif line and not line.startswith("#"):
            found.append(re.match(r"[\w-]+", line)[0].lower())
    return found


def test_the_slim_list_is_the_full_list_without_what_trains():
    full, slim = packages_in("requirements.txt"), packages_in("dashboard/requirements.txt")
    assert {"streamlit", "openvino", "pandas"} <= set(slim)
    assert set(full) - set(slim) == set(packages_in("requirements-train.txt")) == TRAINING
    assert not TRAINING & set(slim)


def test_no_package_is_listed_twice():
    for name in ("requirements.txt", "requirements-dev.txt"):
        listed = packages_in(name)
        assert len(set(listed)) == len(listed), name
    assert not set(packages_in("requirements.txt")) & set(packages_in("requirements-dev.txt"))


def test_an_installation_reads_the_same_lists():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    dynamic = project["tool"]["setuptools"]["dynamic"]
    assert dynamic["dependencies"]["file"] == ["dashboard/requirements.txt"]
    extras = dynamic["optional-dependencies"]
    assert {name: one["file"] for name, one in extras.items()} == {
        "train": ["requirements-train.txt"],
        "auth": ["requirements-auth.txt"],
        "postgres": ["requirements-postgres.txt"],
        "cluster": ["requirements-cluster.txt"],
        "jax": ["requirements-jax.txt"],
        "remote": ["requirements-remote.txt"],
        "dev": [
            "requirements-dev.txt",
            "requirements-auth.txt",
            "requirements-cluster.txt",
            "requirements-postgres.txt",
            "requirements-remote.txt",
        ],
    }


def test_a_list_that_an_installation_reads_includes_no_other():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    dynamic = project["tool"]["setuptools"]["dynamic"]
    read = [dynamic["dependencies"], *dynamic["optional-dependencies"].values()]
    for name in {file for one in read for file in one["file"]}:
        assert "\n-" not in f"\n{(CHECKOUT / name).read_text()}", f"setuptools refuses {name}"
