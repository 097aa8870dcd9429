"""Random augmentation of training slices: geometry, missing sequences, intensities."""

import cv2
import numpy as np

from brainseg.preprocessing import CLIP, context_channel
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES


def augment(
    slice_: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    strength: float = 1.0,
    sequences: tuple[str, ...] = SEQUENCES,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a random variation of a prepared slice and its mask.

    Args:
        slice_: (h, w, c) float32 as :func:`brainseg.preprocessing.prepare` makes it.
        mask: (h, w) float32, 0 or 1.
        rng: the only source of randomness: the same generator state gives the same result.
        strength: scales each variation; 0 returns the slice unchanged.
        sequences: of the first channels; the others are neighbours.

    Returns:
        Arrays of the same shapes; the mask contains only 0 and 1.
    """
    if strength == 0:
        return slice_, mask
    slice_, mask = _bend(slice_, mask, rng, strength)
    slice_ = _drop_sequences(slice_, rng, sequences)
    slice_ = _disturb_intensities(slice_, rng, strength, sequences)
    return np.ascontiguousarray(slice_), mask


def _bend(
    slice_: np.ndarray, mask: np.ndarray, rng: np.random.Generator, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Flip, rotate, scale, shift and sometimes deform the slice, in one resampling."""
    height, width = mask.shape
    angle = rng.uniform(-15, 15) * strength
    scale = np.exp(rng.uniform(-0.18, 0.18) * strength)
    matrix = np.array(cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale), np.float64)
    matrix[:, 2] += rng.uniform(-12, 12, 2) * strength
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], float)
    turned = cv2.invertAffineTransform(matrix).astype(np.float32)
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    map_x = turned[0, 0] * columns + turned[0, 1] * rows + turned[0, 2]
    map_y = turned[1, 0] * columns + turned[1, 1] * rows + turned[1, 2]
    if rng.random() < 0.3:
        map_x += _smooth_field(rng, (height, width), 6) * 5 * strength
        map_y += _smooth_field(rng, (height, width), 6) * 5 * strength
    # OpenCV resamples at most four channels per call.
    parts = [
        cv2.remap(part, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part in np.array_split(slice_, (slice_.shape[-1] + 3) // 4, axis=-1)
    ]
    bent = np.concatenate([part.reshape(height, width, -1) for part in parts], axis=-1)
    bent_mask = cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR)
    return bent, (bent_mask >= 0.5).astype(np.float32)


def _drop_sequences(
    slice_: np.ndarray, rng: np.random.Generator, sequences: tuple[str, ...]
) -> np.ndarray:
    """Sometimes replace a sequence by FLAIR, as in the cohort, or the neighbours by the slice itself."""
    slice_ = slice_.copy()
    context = context_channel(sequences)
    for name in (PRE_CONTRAST, POST_CONTRAST) if FLAIR in sequences else ():
        if name in sequences and rng.random() < 0.12:
            slice_[..., sequences.index(name)] = slice_[..., context]
    neighbours = slice(len(sequences), None)
    if slice_.shape[-1] > len(sequences):
        if rng.random() < 0.1:
            slice_[..., neighbours] = slice_[..., context : context + 1]
        elif rng.random() < 0.5:
            # The files do not record whether slice numbers increase towards the feet or the crown.
            slice_[..., neighbours] = slice_[..., neighbours][..., ::-1]
    return slice_


def _disturb_intensities(
    slice_: np.ndarray, rng: np.random.Generator, strength: float, sequences: tuple[str, ...]
) -> np.ndarray:
    """Change contrast, brightness, shading, sharpness and noise."""
    height, width, channels = slice_.shape
    count = len(sequences)
    low, high = CLIP
    gain = np.exp(rng.uniform(-0.25, 0.25, count) * strength)
    shift = rng.uniform(-0.25, 0.25, count) * strength
    power = np.exp(rng.uniform(-0.3, 0.3, count) * strength)
    # The neighbours are FLAIR of the same scan, so they change as FLAIR does.
    of = [*range(count), *[context_channel(sequences)] * (channels - count)]
    slice_ = slice_ * gain[of].astype(np.float32) + shift[of].astype(np.float32)
    if rng.random() < 0.3:
        share = np.clip((slice_ - low) / (high - low), 0, 1)
        slice_ = share ** power[of].astype(np.float32) * (high - low) + low
    if rng.random() < 0.3:
        shading = 1 + 0.2 * strength * _smooth_field(rng, (height, width), 3)
        slice_ = (slice_ - low) * shading[..., np.newaxis] + low
    if rng.random() < 0.15:
        slice_ = np.stack(
            [
                cv2.GaussianBlur(slice_[..., c], (0, 0), rng.uniform(0.4, 1.0))
                for c in range(channels)
            ],
            axis=-1,
        )
    if rng.random() < 0.2:
        sigma = rng.uniform(0, 0.15) * strength
        slice_ = slice_ + rng.standard_normal(slice_.shape, np.float32) * np.float32(sigma)
    return np.clip(slice_, low, high).astype(np.float32)


def _smooth_field(rng: np.random.Generator, shape: tuple[int, int], knots: int) -> np.ndarray:
    """Return a smooth random field of (h, w) float32 interpolated from knots of unit variance."""
    coarse = rng.standard_normal((knots, knots), np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
