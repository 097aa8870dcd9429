"""The sections of the dataset page, a question each: ``draw(now)`` puts one on the page."""
