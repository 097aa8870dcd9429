"""Addresses of folders on other machines, such as ``s3://bucket/cohort``, and their local mirrors."""

import hashlib
import json
import re
from pathlib import Path

from brainseg.errors import StorageError
from brainseg.storage.state import real_path, state_dir

ABOUT = "mirror.json"
"""The file beside a mirror that names its address."""

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.IGNORECASE | re.DOTALL)

_NAMES_BEFORE_AT = ("abfs", "abfss", "sftp", "smb", "ssh")
"""Protocols whose addresses have a container or a user, without a password, before an ``@``."""


def is_address(place: Path | str) -> bool:
    """Return whether a place is on another machine, such as ``s3://bucket/cohort``, and no path."""
    return _ADDRESS.match(str(place)) is not None


def checked_address(text: str) -> str:
    """Return an address in its usual form: a protocol in small letters, no slash at the end.

    Raises:
        StorageError: it contains a password, a query or a chain of protocols, or names nothing. The
            message contains no part of it that may be secret.
    """
    found = _ADDRESS.match(text)
    protocol, rest = (found[1].lower(), found[2]) if found else ("", "")
    before_at, at, _ = rest.partition("@")
    user = at and "/" not in before_at
    if (at and ":" in before_at) or (user and protocol not in _NAMES_BEFORE_AT):
        raise StorageError(
            f"an address of {protocol}:// contains a user or password: leave them out, and give them "
            "by the environment or the settings file of this storage."
        )
    if "?" in rest:
        raise StorageError(
            f"an address of {protocol}:// contains a query, which may be secret: leave out “?” and "
            "what follows."
        )
    if "::" in rest or not rest.strip("/") or not rest.isprintable():
        raise StorageError(
            "an address names one folder of one storage, such as s3://bucket/cohort: give it so."
        )
    return f"{protocol}://{rest.rstrip('/')}"


def mirror_dir(address: str) -> Path:
    """Return the folder for the mirror of an address, and for what is known of it."""
    name = hashlib.blake2b(address.encode(), digest_size=16).hexdigest()
    return _mirrors() / name


def name_in_mirror(address: str) -> str:
    """Return the name of the mirrored folder or file: the last part of the address, if a path may."""
    name = re.sub(r"[^\w.-]", "_", address.rpartition("/")[2]).lstrip(".")[-80:]
    return name or "data"


def address_of(place: Path | str) -> str | None:
    """Return the address that a path in a mirror was fetched from; None for any other path."""
    if is_address(place):
        return str(place)
    mirrors, real = real_path(_mirrors()), real_path(Path(place))
    if len(parts := real.parts[len(mirrors.parts) :]) < 2 or not real.is_relative_to(mirrors):
        return None
    name, _, *below = parts
    address = _address_in(mirrors / name / ABOUT)
    return address and "/".join([address, *below])


def place_in_words(place: Path | str) -> str:
    """Return the address that a path in a mirror was fetched from, or the path itself."""
    return address_of(place) or str(place)


def _address_in(about: Path) -> str | None:
    try:
        return str(json.loads(about.read_bytes())["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mirrors() -> Path:
    return state_dir() / "mirrors"
