"""Contrast of colours, and how far apart colour-blind readers see them."""

import itertools

import numpy as np

# What linear RGB becomes for a dichromat (Machado, Oliveira, Fernandes 2009, severity 1).
SEEN_BY = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}

DISTINCT = 9
"""Distance in CIELAB: more than four times the difference that a trained eye sees side by side."""


def linear(colour: str) -> np.ndarray:
    """Return "#rrggbb" as linear RGB, 0 to 1."""
    shares = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb" (WCAG 2)."""
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2), 1 to 21."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def lab(colour: np.ndarray) -> np.ndarray:
    """Return a linear RGB colour in CIELAB (D65)."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.clip(np.array(to_xyz) @ colour, 0, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours: list[str], kind: str) -> tuple[float, str, str]:
    """Return the distance of the two colours that readers of this kind confuse most, and the two."""
    seen = {colour: lab(np.array(SEEN_BY[kind]) @ linear(colour)) for colour in colours}
    pairs = itertools.combinations(colours, 2)
    return min((float(np.linalg.norm(seen[one] - seen[other])), one, other) for one, other in pairs)
