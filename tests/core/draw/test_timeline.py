"""Clips of different times under one slider, by hand."""

from __future__ import annotations

import numpy as np

from core.draw.panels import panels
from core.draw.timeline import Timeline, peaks


def plain(levels: list[int]) -> np.ndarray:
    """Frames (T, 240, 320, 3) of one grey each."""
    return (
        np.array(levels, np.uint8)[:, None, None, None].repeat(240, 1).repeat(320, 2).repeat(3, 3)
    )


def test_every_frame_of_every_clip_is_shown_at_its_own_time_and_the_nearest_between() -> None:
    timeline = Timeline.of([np.array([0.0, 1.0, 2.0]), np.array([0.4, 1.6])])
    assert timeline.times.tolist() == [0.0, 0.4, 1.0, 1.6, 2.0]
    assert timeline.names == ["0.0 s", "0.4 s", "1.0 s", "1.6 s", "2.0 s"]
    assert Timeline.of([np.array([0.0, 0.06])]).names == ["0.00 s", "0.06 s"]
    assert [frames.tolist() for frames in timeline.frames] == [[0, 0, 1, 2, 2], [0, 0, 0, 1, 1]]
    one, two = timeline.laid([plain([10, 20, 30]), plain([40, 50])])
    assert one[:, 0, 0, 0].tolist() == [10, 10, 20, 30, 30]
    assert two[:, 0, 0, 0].tolist() == [40, 40, 40, 50, 50]


def test_a_frame_carries_its_own_time_only_where_the_clips_differ_in_times() -> None:
    clips = [plain([100, 100]), plain([100, 100])]
    same = Timeline.of([np.array([0.0, 1.0])] * 2).laid(clips)
    assert all((clip == 100).all() for clip in same)
    differ = Timeline.of([np.array([0.0, 1.0]), np.array([0.0, 1.5])]).laid(clips)
    corners = [clip[:, 200:, :100] for clip in differ]
    assert all((corner == 0).any() and (corner > 200).any() for corner in corners)
    assert all((clip[:, :200] == 100).all() for clip in differ)
    assert not np.array_equal(differ[0][-1], differ[1][-1]), "1.00 s and 1.50 s"
    assert np.array_equal(clips[0], plain([100, 100])), "the pictures that were given stay"


def test_figures_open_on_the_moment_at_which_the_maps_are_strongest() -> None:
    first, second = np.zeros((2, 1, 2)), np.zeros((4, 1, 2))
    first[1], second[2, 0, 1], second[0, 0, 0] = 0.5, -8.0, 4.0
    assert peaks(first).tolist() == [0, 1] and peaks(second).tolist() == [0.5, 0, 1, 0]
    assert peaks(np.full((2, 1, 1), np.nan)).tolist() == [0, 0]
    timeline = Timeline.of([np.arange(4.0), np.arange(4.0) + 0.1])
    step = timeline.strongest([first, second])  # a step of the first covers two frames
    assert timeline.times[step] == 2.0
    first *= 100
    assert timeline.times[timeline.strongest([first, second], one_scale=True)] == 2.0
    assert timeline.times[timeline.strongest([np.flip(first), second], one_scale=True)] == 0.0
    figure = panels(timeline.laid([plain([1, 2, 3, 4])] * 2), timeline.times, opens_on=step)
    assert figure.layout.sliders[0].active == step == 4
    assert figure.data[0].source == figure.frames[step].data[0].source
    assert figure.data[0].source != figure.frames[0].data[0].source
