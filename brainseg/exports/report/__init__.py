"""Reports as PDF: a page builder, and the page of one case."""

from brainseg.exports.report.case import case_report
from brainseg.exports.report.drawing import Outline
from brainseg.exports.report.page import Block, Page

__all__ = ["Block", "Outline", "Page", "case_report"]
