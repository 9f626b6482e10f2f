"""What is laid over a drawn picture: the shadow of the hand, and what the sensor adds."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.world import layers, paint


@dataclass(frozen=True)
class Shadow:
    """What hand and arm take from the light behind them."""

    strength: float  # 0..1; 0 for no shadow
    offset: np.ndarray  # (2, 3) float32: affine from the figure to its shadow
    softness: int  # pixels, odd

    @classmethod
    def draw(cls, rng: np.random.Generator, size: tuple[int, int]) -> Shadow:
        h, w = size
        strength = rng.uniform(0.1, 0.55) if rng.random() < 0.35 else 0.0
        right = rng.normal(-0.12, 0.08) * w
        down = rng.normal(0.05, 0.06) * h
        offset = np.array([[1, 0, right], [0, 1, down]], np.float32)
        return cls(strength, offset, int(max(h, w) * rng.uniform(0.02, 0.1)) | 1)

    def cast(self, figure: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """The uint8 RGB picture (h, w, 3) with the shadow of the RGBA figure on it."""
        if not self.strength:
            return picture
        h, w = picture.shape[:2]
        shape = cv2.warpAffine(layers.alpha(figure), self.offset, (w, h))
        dark = cv2.blur(shape, (self.softness, self.softness))
        dark = cv2.convertScaleAbs(dark, alpha=-self.strength, beta=0)
        return cv2.multiply(picture, cv2.merge([255 - dark] * 3), scale=1 / 255)


@dataclass(frozen=True)
class Sensor:
    """How sharp and how noisy pictures are."""

    blur: float  # pixels, standard deviation
    noise: float  # of the grain tile

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Sensor:
        blur = rng.uniform(0.3, 0.9) if rng.random() < 0.5 else 0.0
        noise = rng.uniform(0, 9) / 64 if rng.random() < 0.6 else 0.0
        return cls(blur, noise)

    def focus(self, picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture, (3, 3), self.blur) if self.blur else picture

    def place(self, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
        """Where in the tile of noise a picture's grain begins (y, x), another place each time."""
        if not self.noise:
            return 0, 0
        y, x = (int(rng.integers(0, paint.GRAIN - side, endpoint=True)) for side in size)
        return y, x

    def read(self, picture: np.ndarray, place: tuple[int, int]) -> np.ndarray:
        """The uint8 RGB picture (h, w, 3) with the noise from this place of the tile on."""
        if not self.noise:
            return picture
        (h, w), (y, x) = picture.shape[:2], place
        grain = cv2.multiply(paint.grain()[y : y + h, x : x + w], np.full(3, self.noise))
        return cv2.add(picture, grain, dtype=cv2.CV_8U)
