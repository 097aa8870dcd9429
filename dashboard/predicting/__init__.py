"""The parts of the prediction page: what is predicted, by whom, what comes of it."""
