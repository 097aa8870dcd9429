"""The Makefile: what its targets run, without running it."""

import shlex
import shutil
import subprocess

import pytest
from support.cohorts import CHECKOUT


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("folder", [None, "/my folder/it's here", "s3://b/cohort"])
def test_make_demo_opens_the_sample_or_the_folder_that_data_names(folder: str | None) -> None:
    given = [] if folder is None else [f"DATA={folder}"]
    dry = ["make", "--dry-run", "--silent", "demo", "PORT=8599", *given]
    lines = subprocess.run(dry, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    command = shlex.split(lines.splitlines()[-1])
    assert ("[remote]" in lines) == ("://" in (folder or ""))
    assert command[1:4] == ["-m", "brainseg", "dashboard"]
    assert command[4:] == [*filter(None, [folder]), "--port", "8599"]
