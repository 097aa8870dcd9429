"""Reports as PDF: a page builder, and the page of one case."""

from brainseg.report.case import case_report
from brainseg.report.drawing import Outline
from brainseg.report.page import Block, Page

__all__ = ["Block", "Outline", "Page", "case_report"]
