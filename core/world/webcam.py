"""What a webcam makes of what is before it: exposure, colours, softness, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.world.render import Camera, Odds, Size, changing_balance
from core.world.sensor import Sensor
from core.world.stroke import at_moments, wave

_LEVELS = np.arange(256, dtype=np.float32)[:, None] / 255


def standing(rng: np.random.Generator, moments: np.ndarray, size: Size, odds: Odds) -> Camera:
    """A camera on a screen or a table: two in three do not move at all."""
    camera = Camera.draw(rng, moments, size, replace(odds, moving=odds.moving / 3))
    if rng.random() < 0.67:
        return replace(camera, matrices=np.repeat(camera.matrices[:1], len(moments), 0))
    return camera


@dataclass(frozen=True)
class Webcam:
    """How pictures are exposed, coloured and packed; T frames."""

    tables: np.ndarray  # (T or 1, 256, 3) uint8: what becomes of each level of each channel
    sensor: Sensor
    edge: float  # how much edges are sharpened; 0 for not at all
    softness: int  # pixels, odd: over how many the colours of a picture are shared
    quality: int  # of the compression, 1..100; 0 for none that shows

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        recolouring: np.random.Generator,
        moments: np.ndarray,
        odds: Odds,
    ) -> Webcam:
        """At moments (T,) of the clip. Most are exposed well, some are dim, none is black."""
        gain = np.full(len(moments), np.exp(rng.normal(0.05, 0.15)))
        kind = rng.random()
        if kind < 0.2:  # it answers to a hand that comes near
            gain = gain * np.exp(rng.uniform(0.02, 0.12) * at_moments(wave(rng), moments))
        elif kind < 0.25:  # it settles
            t = np.linspace(0, 1, len(moments))
            gain = gain * (1 + rng.uniform(0.3, 1.2) / (1 + np.exp(20 * (t - rng.uniform(0, 0.4)))))
        sensor = Sensor.draw(rng)
        sensor = replace(sensor, noise=sensor.noise * rng.uniform(0.2, 1))
        if rng.random() < odds.dim * 0.7:
            gain = gain * rng.uniform(0.35, 0.75)
            sensor = replace(sensor, noise=max(sensor.noise, rng.uniform(2, 9) / 64))
        tint = np.repeat(rng.normal(1, 0.05, (1, 3)), len(moments), 0)
        if rng.random() < 0.15:  # by a lamp, or by a screen alone
            tint = tint + rng.uniform(-0.18, 0.18) * np.array([-1, 0, 1])
        if recolouring.random() < odds.recoloured:
            tint = tint * changing_balance(recolouring, len(moments))
        low, high = rng.uniform(0, 0.08), rng.uniform(0.85, 1.1)
        curve = low + (high - low) * _LEVELS ** np.exp(rng.normal(-0.08, 0.18))
        levels = 255 * curve * (gain[:, None] * tint)[:, None, :]
        tables = np.clip(levels, 0, 255).astype(np.uint8)
        if (tables == tables[0]).all():
            tables = tables[:1]
        softness = int(rng.choice([1, 3, 5], p=[0.4, 0.4, 0.2]))
        quality = int(rng.integers(35, 92)) if rng.random() < 0.12 else 0
        edge = rng.uniform(0.3, 1.5) if rng.random() < 0.6 else 0.0
        if edge:
            sensor = replace(sensor, blur=0.0)
        return cls(tables, sensor, edge, softness, quality)

    def take(self, t: int, picture: np.ndarray, grain: tuple[int, int]) -> np.ndarray:
        """The uint8 RGB picture (h, w, 3) as frame t of the film."""
        if self.edge:
            soft = cv2.blur(picture, (3, 3))
            picture = cv2.addWeighted(picture, 1 + self.edge, soft, -self.edge, 0)
        table = self.tables[min(t, len(self.tables) - 1)]
        picture = cv2.LUT(self.sensor.focus(picture), table[:, None])
        picture = self.sensor.read(picture, grain)
        if self.quality:
            setting = [cv2.IMWRITE_JPEG_QUALITY, self.quality]
            packed = cv2.imencode(".jpg", picture, setting)[1]
            picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
        elif self.softness > 1:  # video keeps fewer colours than brightness
            luma, *chroma = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
            chroma = [cv2.blur(each, (self.softness, self.softness)) for each in chroma]
            picture = cv2.cvtColor(cv2.merge([luma, *chroma]), cv2.COLOR_YCrCb2RGB)
        return picture
