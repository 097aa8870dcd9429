"""Health, figures for Prometheus, and the log of events in JSON, of a server that runs."""

import io
import json
import re
import urllib.error
import urllib.request
from http.client import HTTPResponse

import numpy as np
import pytest
from PIL import Image
from support.servers import server

from benchmarks.support.visitor import Visitor

SAMPLE = re.compile(r'brainseg_[a-z_]+(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? \S+')


def get(address: str) -> HTTPResponse:
    return urllib.request.urlopen(address, timeout=60)


def opened(address: str) -> str:
    """Open a page, whereby the cohort is indexed."""
    with Visitor(address) as visitor:
        visitor.open("worklist")
        visitor.wait(lambda: "cases" in visitor.text())
    return address


def test_health_says_in_words_whether_the_server_can_work(served, sample_root):
    content = json.load(get(f"{opened(served(sample_root))}/api/health"))
    assert content.pop("version")
    assert content == {"status": "ok", "model": "ok", "index": "ok", "disk": "ok"}


def test_health_names_model_and_counts_only_if_figures_are_open(served, sample_root):
    address = opened(served(sample_root, BRAINSEG_METRICS="1"))
    details = json.load(get(f"{address}/api/health"))["details"]
    assert details.pop("free_bytes") > 0
    cases = {path.name for path in sample_root.iterdir() if path.is_dir()}
    assert details["model"] == "lgg-unet" and details["cases"] == len(cases)


def test_health_is_503_without_a_model_and_says_so(served, sample_root):
    address = served(sample_root, BRAINSEG_MODEL="none-of-this-name")
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"{address}/api/health")
    assert refused.value.code == 503
    content = json.load(refused.value)
    assert content["status"] == content["model"] == "failed" and "details" not in content


def test_figures_are_closed_unless_asked_for(served, sample_root):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"{served(sample_root)}/metrics")
    assert refused.value.code == 404 and b"BRAINSEG_METRICS=1" in refused.value.read()


def test_figures_have_the_text_format_of_prometheus(served, sample_root):
    address = opened(served(sample_root, BRAINSEG_METRICS="1"))
    answer = get(f"{address}/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.read().decode().splitlines()
    assert [one for one in lines if one[0] != "#" and not SAMPLE.fullmatch(one)] == []
    names = [one.split()[2] for one in lines if one.startswith("# TYPE")]
    assert len(names) == len(set(names))
    figures = dict(one.rsplit(" ", 1) for one in lines if one[0] != "#")
    assert float(figures['brainseg_page_runs_total{page="worklist"}']) >= 1
    assert float(figures["brainseg_memory_bytes"]) > 2**20
    asked = 'brainseg_requests_total{method="GET",route="/_stcore/health",status="200"}'
    assert float(figures[asked]) >= 1


def test_the_log_in_json_has_a_line_per_event_and_no_name(sample_root, tmp_path):
    picture = io.BytesIO()
    Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)).save(picture, "PNG")
    with server(tmp_path, sample_root, environment={"BRAINSEG_LOG": "json"}) as (address, _):
        with Visitor(address) as visitor:
            visitor.open("prediction", "source=your%20own%20files")
            visitor.upload("TIFF, PNG", {"Jane-Doe.png": picture.getvalue()})
            visitor.wait(lambda: "1 stack of 1 slice" in visitor.text())
        get(f"{address}/case?case=TCGA_SECRET")
        with pytest.raises(urllib.error.HTTPError):
            get(f"{address}/media/Jane-Doe.png")
    text = (tmp_path / "server.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {"request", "page_run", "job"} <= {line["event"] for line in lines}
    routes = {line["route"] for line in lines if line["event"] == "request"}
    assert {"page", "/media", "/_stcore/upload_file", "/_stcore/stream"} <= routes
    assert not re.search(r"Doe|SECRET|127\.0\.0\.1|prediction\?", text)


def test_the_start_warns_of_nothing(sample_root, tmp_path):
    with server(tmp_path, sample_root) as (address, _):
        assert get(f"{address}/api/health").status == 200
    assert "WARNING" not in (tmp_path / "server.log").read_text()
