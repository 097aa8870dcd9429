"""The visitor of the benchmarks: it sees and does what a browser sees and does."""

import pytest

from benchmarks.support.visitor import Visitor


@pytest.fixture(scope="module")
def address(served, sample_root) -> str:
    return served(sample_root)


def test_a_visitor_opens_every_page_and_acts_on_widgets(address):
    with Visitor(address) as visitor:
        visitor.open()
        for page in visitor.pages:
            visitor.open(page)
            kinds = {element.WhichOneof("type") for element in visitor.elements.values()}
            assert kinds and "exception" not in kinds, page
        visitor.open("browser", "seed=5")
        visitor.press("New random slice")
        visitor.set("Opacity", 0.5)
        assert "Opacity" in visitor.labels()


def test_a_visitor_who_comes_back_to_a_page_sees_what_the_server_does_not_send_again(address):
    with Visitor(address) as visitor:
        for _ in range(2):
            for page in ("browser", "worklist", "checks"):
                visitor.open(page, "seed=5" if page == "browser" else "")
                kinds = {element.WhichOneof("type") for element in visitor.elements.values()}
                assert kinds and "exception" not in kinds, page


def test_a_visitor_uploads_a_file_and_reads_why_it_was_not_used(address):
    with Visitor(address) as visitor:
        visitor.open("prediction", "source=your%20own%20files")
        visitor.upload("TIFF, PNG", {"empty.png": b""})
        visitor.wait(lambda: "file is empty" in visitor.text())


def test_a_visitor_stays_on_this_machine():
    with pytest.raises(ValueError, match="not on this machine"):
        Visitor("http://example.org")
