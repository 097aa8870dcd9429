"""Sign-in in a real browser, with a real provider of OpenID Connect."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browsing import WAIT_MS, choose_first_row, settled
from support.cohorts import FIRST, write_tiny_cohort
from support.servers import server
from support.signing_in import provider, write_secrets
from support.viewer import drawn, open_tab

pytestmark = pytest.mark.browser


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return the address of a dashboard that people have to sign in to."""
    folder = write_tiny_cohort(tmp_path / "tiny")
    with provider() as issuer:
        environment = write_secrets(tmp_path, issuer)
        with server(tmp_path, folder, environment=environment) as (address, _):
            yield address


def test_a_reader_signs_in_reviews_may_neither_train_nor_accept_and_signs_out(look, address):
    page = look(address)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/oauth2/authorize?**", timeout=WAIT_MS)
    page.locator("input[name=sub]").fill("rita")
    page.locator("input[name=sub]").press("Enter")
    page.wait_for_url(f"{address}/**", timeout=WAIT_MS)
    page.get_by_text("Signed in as RR (reader)", exact=True).wait_for(timeout=WAIT_MS)

    page.goto(f"{address}/case?case={FIRST}")
    drawn(page)
    open_tab(page, "Review")
    page.get_by_role("button", name="Agree").click()
    page.get_by_text("Saved as RR: agree").wait_for(timeout=WAIT_MS)

    page.goto(f"{address}/training?view=new")
    page.get_by_text("You need the role of an owner to train").wait_for(timeout=WAIT_MS)
    assert not settled(page).get_by_role("button", name="Start training").count()

    page.goto(f"{address}/checks")
    refused = page.get_by_text("You need the role of an owner to accept findings")
    choose_first_row(page, refused.count)

    settled(page).get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/oauth2/end_session?**", timeout=WAIT_MS)
    page.goto(f"{address}/case?case={FIRST}")
    page.get_by_role("button", name="Sign in", exact=True).wait_for(timeout=WAIT_MS)
    assert not settled(page).get_by_text("Signed in").count()
