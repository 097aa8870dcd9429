"""What hosts of Streamlit apps need: they start the server themselves, and set variables by secrets."""

import os

from streamlit import config

from brainseg.sample import write_sample_apart
from brainseg.storage import state_dir
from dashboard.shared.keys import DATA_ENVIRONMENT

HOSTS_ENVIRONMENT = "STREAMLIT_SERVER_ALLOWED_HOSTS"
SAMPLE_ENVIRONMENT = "BRAINSEG_SAMPLE"


def set_up() -> None:
    """Take over the hosts' names of the environment, and write the sample cohort if it is asked for."""
    # Streamlit itself reads the variable only where it is set before it starts.
    if named := os.environ.get(HOSTS_ENVIRONMENT):
        config.set_option("server.allowedHosts", named.split())
    if os.environ.get(SAMPLE_ENVIRONMENT) == "1" and not os.environ.get(DATA_ENVIRONMENT):
        sample = state_dir() / "sample"
        if not (sample / "data.csv").exists():  # written last
            write_sample_apart(sample)
        os.environ[DATA_ENVIRONMENT] = str(sample)
