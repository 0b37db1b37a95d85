"""Subpixel shift between two images by phase correlation.

The inverse transform of the normalised cross-power spectrum has a peak at the shift (Kuglin & Hines 1975).
Around the peak it is evaluated on a fine grid by a matrix product instead of a padded transform
(Guizar-Sicairos 2008, doi:10.1364/OL.33.000156).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_gradient_magnitude

Image = NDArray[np.float32] | NDArray[np.float64]

FINE = 50
"""Grid points per pixel around the peak."""
LEAST_PEAK = 0.05
"""Height of the peak below which two images do not correlate; it is 1 for equal images."""
PASS_BAND = 0.35
"""Highest frequency in cycles per pixel; higher ones are dominated by noise and resampling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Shift of the second image against the first."""

    rows: float
    """Pixels downwards."""
    cols: float
    """Pixels to the right."""
    peak: float
    """Height of the correlation peak, 0..1."""


def measure_shift(first: Image, second: Image) -> Shift | None:
    """Return the shift from one image to another; None where they do not correlate.

    Gradients are compared, because they change less between dates than brightness.

    Args:
        first: (H, W), NaN where not observed.
        second: (H, W) on the same grid.
    """
    seen = np.isfinite(first) & np.isfinite(second)
    if seen.mean() < 0.5:
        return None
    spectra = [_spectrum(image, seen) for image in (first, second)]
    cross = np.conj(spectra[0]) * spectra[1]
    strength = np.abs(cross)
    if not strength.max() > 0:
        return None
    down, right = np.meshgrid(fft.fftfreq(seen.shape[0]), fft.fftfreq(seen.shape[1]), indexing="ij")
    keep = (np.hypot(down, right) < PASS_BAND) & (strength > 1e-12 * strength.max())
    phase = np.where(keep, cross / np.where(keep, strength, 1), 0)
    surface = fft.ifft2(phase).real * (phase.size / max(int(keep.sum()), 1))
    row, col = (
        int(at) if at < size / 2 else int(at) - size
        for at, size in zip(
            np.unravel_index(int(surface.argmax()), surface.shape), surface.shape, strict=True
        )
    )
    rows = row + np.arange(-FINE, FINE + 1) / FINE
    cols = col + np.arange(-FINE, FINE + 1) / FINE
    waves_down = np.exp(2j * np.pi * np.outer(rows, fft.fftfreq(seen.shape[0])))
    waves_right = np.exp(2j * np.pi * np.outer(fft.fftfreq(seen.shape[1]), cols))
    fine = (waves_down @ phase @ waves_right).real / max(int(keep.sum()), 1)
    i, j = np.unravel_index(int(fine.argmax()), fine.shape)
    peak = float(fine[i, j])
    if peak < LEAST_PEAK:
        return None
    return Shift(rows=float(rows[i]), cols=float(cols[j]), peak=peak)


def combine(shifts: Sequence[Shift]) -> tuple[Shift, float] | None:
    """Return the median shift of windows in rows and columns, and their median distance from it in pixels.

    None without windows.
    """
    if not shifts:
        return None
    rows = float(np.median([item.rows for item in shifts]))
    cols = float(np.median([item.cols for item in shifts]))
    scatter = float(np.median([np.hypot(item.rows - rows, item.cols - cols) for item in shifts]))
    peak = float(np.median([item.peak for item in shifts]))
    return Shift(rows=rows, cols=cols, peak=peak), scatter


def _spectrum(image: Image, seen: NDArray[np.bool_]) -> NDArray[np.complex128]:
    """Return the spectrum of the gradients, tapered at the edges."""
    filled = np.where(seen, image, np.median(image[seen])).astype(np.float64)
    gradient = gaussian_gradient_magnitude(filled, 1.0)
    # Limits the weight of a few strong edges.
    gradient = np.minimum(gradient, np.quantile(gradient[seen], 0.98))
    gradient[~seen] = gradient[seen].mean()
    window = np.outer(np.hanning(seen.shape[0] + 2)[1:-1], np.hanning(seen.shape[1] + 2)[1:-1])
    return np.asarray(fft.fft2((gradient - gradient.mean()) * window))
