"""A model on another machine: its manifest is copied here, its networks run there.

A server of the Open Inference Protocol that is ``brainseg serve`` gives, beside the protocol, the
manifest and the small files that it names. So all that is said about a model (its folds, the patients
that it learned from, its preprocessing) is as true as for a model in a folder, and its stored output
proves that the networks there are those of the manifest. Only prepared slices are sent.
"""

import json
import re
import time
import urllib.error
import urllib.request
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from brainseg.errors import ModelError
from brainseg.models.open_inference import INPUT, JSON_BYTES, OUTPUT, decoded, encoded
from brainseg.models.places import MANIFEST
from brainseg.storage import state_dir, write_atomically

ADDRESS_FILE = "address.txt"
"""File of a copied model: where its networks run."""

ASKED_EVERY_S = 60.0
"""The manifest of a model is asked for again after this time."""

MOST_FILE_BYTES = 2**26
_WAIT_S, _WAIT_FOR_FILES_S = 100.0, 10.0


def is_address(name: str) -> bool:
    """Return whether the name of a model is the address of one on another machine."""
    return name.startswith(("http://", "https://"))


def copy_of(address: str) -> Path:
    """Return the folder with a copy of a remote model's manifest and of the small files it names.

    Args:
        address: such as ``http://host:8600/v2/models/lgg-unet``.

    Raises:
        ModelError: nothing answers there, or the server does not say what its model learned from.
    """
    return _copied(
        address.rstrip("/"), state_dir() / "remote", int(time.monotonic() // ASKED_EVERY_S)
    )


def shown_name(address: str) -> str:
    """Return the name of a remote model here, such as ``lgg-unet@host-8600``."""
    place = urlsplit(address.rstrip("/"))
    return f"{place.path.rpartition('/')[2]}@{re.sub(r'[^A-Za-z0-9.-]', '-', place.netloc)}"


@lru_cache(maxsize=8)
def _copied(address: str, remote: Path, _when: int) -> Path:
    try:
        place = urlsplit(address)
    except ValueError as error:
        raise ModelError(f"{address[:100]} is not an address ({error}): correct it.") from error
    name = place.path.rpartition("/")[2]
    if not re.fullmatch(r"(/[\w.-]+)*/v2/models/[\w.-]+", place.path) or name in (".", ".."):
        raise ModelError(
            f"{address[:100]} is not the address of a model: it ends with /v2/models/NAME."
        )
    try:
        manifest = json.loads(_answer(address)[0])["parameters"]["manifest"].encode()
        facts = json.loads(manifest)
        files = [fold["golden"]["file"] for fold in facts["folds"]]
        files += [facts["training_images"]["file"]] if facts.get("training_images") else []
        folder = remote / shown_name(address)
        for file in files:
            if not re.fullmatch(r"\w[\w.-]*", file):
                raise ValueError(f"it names the file {file}")
            content, _ = _answer(f"{address}/files/{file}")
            write_atomically(folder / file, content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the server of {address[:100]} does not say what its model learned from and how its input "
            f"is prepared ({str(error)[:60]}): use a model of `brainseg serve`."
        ) from error
    write_atomically(folder / ADDRESS_FILE, address.encode())
    write_atomically(folder / MANIFEST, manifest)
    return folder


def address_of(folder: Path) -> str | None:
    """Return the address of the model that a folder is a copy of, or None."""
    try:
        return (folder / ADDRESS_FILE).read_text(encoding="utf-8")
    except OSError:
        return None


class RemoteNetwork:
    """One fold's network on another machine.

    Args:
        address: of the model.
        fold: its number, which is the version in the protocol.
    """

    def __init__(self, address: str, fold: int) -> None:
        self._address = f"{address}/versions/{fold}/infer"
        self.name = f"a network at {urlsplit(address).netloc}"
        self.device = "unknown"

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, h, w) float32 of inputs (n, h, w, c) float32."""
        wanted = {"parameters": {"binary_data_output": True}}
        body, headers = encoded({INPUT: inputs}, wanted, True, "inputs")
        answer, json_bytes = _answer(self._address, body, headers)
        try:
            facts, tensors = decoded(answer, json_bytes, "outputs")
            found = tensors[OUTPUT]
            if found.shape != inputs.shape[:3]:
                raise ValueError(f"its output has the shape {found.shape}")
        except (ValueError, KeyError) as error:
            raise ModelError(
                f"the answer of {self._address} cannot be used ({str(error)[:80]}): look at its server."
            ) from error
        said: dict[str, Any] = facts.get("parameters") or {}
        if said.get("engine"):
            self.name = f"{said['engine']} at {urlsplit(self._address).netloc}"
            self.device = str(said.get("device") or "unknown")
        return found


def _answer(
    address: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[bytes, str | None]:
    """Return the body of an answer, and the length of its JSON as the header states it."""
    request = urllib.request.Request(address, body, headers or {})
    try:
        with urllib.request.urlopen(
            request, timeout=_WAIT_S if body else _WAIT_FOR_FILES_S
        ) as answer:
            content = answer.read(MOST_FILE_BYTES + 1)
            if len(content) > MOST_FILE_BYTES:
                raise ModelError(f"the answer of {address[:100]} is too large: look at its server.")
            return content, answer.headers.get(JSON_BYTES)
    except urllib.error.HTTPError as error:
        reason = _reason(error.read(2000)) or error.reason
        raise ModelError(f"{address[:100]} answers {error.code} ({reason}).") from error
    except (OSError, ValueError, HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise ModelError(
            f"nothing answers at {address[:100]} ({why}): start `brainseg serve` there, or choose "
            "another model."
        ) from error


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])[:300]
    except (ValueError, KeyError, TypeError):
        return ""
