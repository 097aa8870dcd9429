"""The form that accepts findings, in any section of the checks page."""

import pytest
from streamlit.testing.v1 import AppTest
from support.pages import texts

from brainseg.checks import run_checks
from brainseg.checks.acceptances import open_acceptances
from brainseg.cohort import Cohort


def page() -> None:
    import streamlit as st

    from dashboard.views.checks import accepting

    cohort, findings, of = (st.session_state[name] for name in ("cohort", "found", "of"))
    accepting.show_message(of)
    accepted = accepting.open_acceptances(cohort).of(findings)[0] is not None
    accepting.actions(cohort, findings, accepted, of)
    st.caption(f"table {accepting.table_number(of)}")


@pytest.mark.parametrize("of", ["", "second look"])
def test_a_finding_is_accepted_with_a_reason_and_opened_again(tiny_cohort, of):
    cohort = Cohort.open(tiny_cohort)
    findings = run_checks(cohort, only={"slice_gap"})
    app = AppTest.from_function(page, default_timeout=60)
    for name, value in (("cohort", cohort), ("found", findings), ("of", of)):
        app.session_state[name] = value
    app.run().button[0].click().run()
    assert "no reason was given" in app.error[0].value and "table 0" in texts(app)
    app.text_input[0].set_value("a cavity")
    app.button[0].click().run()
    (accepted,) = open_acceptances(cohort).of(findings)
    assert accepted is not None and accepted.reason == "a cavity"
    assert "1 finding is accepted" in app.success[0].value and "table 1" in texts(app)
    app.button[0].click().run()
    assert open_acceptances(cohort).of(findings) == [None]
    assert "open again" in app.success[0].value and "table 2" in texts(app)
