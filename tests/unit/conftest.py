"""The two places of reviews and acceptances: files, and a PostgreSQL server with a schema per test."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from support.postgres import postgres, programs

FILE, POSTGRES = "file", "postgres"


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """Return the address of a PostgreSQL server; without its programs, the test is skipped."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres() as address:
        yield address


@pytest.fixture
def use_postgres(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Return a function that lets the test keep its reviews in an empty schema of PostgreSQL."""

    def use() -> None:
        import psycopg

        address, name = request.getfixturevalue("postgres_address"), f"t{uuid.uuid4().hex}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        monkeypatch.setenv("BRAINSEG_DATABASE", f"{address}&options=-csearch_path%3D{name}")

    return use


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that has a place with both, but for those about the file."""
    if "review_place" in metafunc.fixturenames:
        of_file = metafunc.definition.get_closest_marker("of_file")
        places = [FILE] if of_file else [FILE, POSTGRES]
        metafunc.parametrize("review_place", places, indirect=True)


@pytest.fixture
def review_place(request: pytest.FixtureRequest, use_postgres: Callable[[], None]) -> str:
    """Return where the test keeps its reviews, and let it do so."""
    if request.param == POSTGRES:
        use_postgres()
    return request.param
