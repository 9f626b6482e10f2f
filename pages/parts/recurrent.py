"""What a recurrent model carries over a clip: its hidden state, its gate, its two frame maps."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import explain
from core.draw.order_pair import Panel, order_pair
from core.draw.state_curves import state_panels
from core.draw.steps import weight_scale
from core.explain import Glance
from core.explain.stream import watch
from pages.parts import cached
from pages.parts.exhibit import Exhibit
from pages.parts.once import made_once
from pages.parts.subject import Choice

STATE_HELP = (
    r"After each frame $h^{(t)}=h^{(t-1)}+a^{(t)}$: nothing is taken away. **Left**: the root mean "
    r"square of each layer's state. **Middle**: Q, K and V of the gate are the sum of a half made "
    r"of the frame and one made of the state; the norm of the state's half over the sum of both "
    r"norms. **Right**: the classifier reads $T_s$ of the newest frame beside $T_t$ of every "
    r"layer; the squared length of each over that of all. A share is not importance: the "
    r"classifier weighs what it reads."
)
MAPS_HELP = (
    r"From frame to frame, beside the network (the paper's Figures 4 and 5): what the class token "
    r"of frame t (row) asks against what that of frame t′ (column) offers, {kernel}, mean over "
    r"heads. **Spatial**: from the frame's half of the gate; **temporal**: from the state's. "
    r"{reach}"
)
KERNELS = {
    "linear": (
        r"$\varphi(q)\cdot\varphi(k)$ with rows that sum to 1",
        "That kernel is positive, so weights stay near 1/T.",
    ),
    "softmax": (
        r"$\mathrm{softmax}(q\cdot k/\sqrt{d})$ over the frames",
        "The paper prints no formula: the softmax is this project's reading, as in a draft by its "
        "author. With the gate's own kernel, which is positive, all weights stay near 1/T.",
    ),
}
"""What the maps of each setting `frame_maps` are, and what follows for them."""
TAPS = {"space_frames": "Spatial, from the frames", "time_frames": "Temporal, from the state"}


def what_it_carries(choice: Choice) -> None:
    """The sections for a model that reads frame by frame; nothing for any other."""
    if not choice.seeing.net.is_recurrent:
        return
    st.subheader("The hidden state over time", help=STATE_HELP)
    hidden_state(choice).draw()
    kernel, reach = KERNELS[choice.card.settings.get("frame_maps", "linear")]
    st.subheader("Both frame maps", help=MAPS_HELP.format(kernel=kernel, reach=reach))
    frame_maps(choice).draw()


def hidden_state(choice: Choice) -> Exhibit:
    """The size of the state, the gate, and what the classifier reads, frame by frame."""
    shown = glances(choice)
    hidden = np.stack([glance.hidden for glance in shown])
    gate = np.stack([glance.gate for glance in shown])
    tokens = np.stack([glance.tokens for glance in shown])
    growth = hidden[-1] / hidden[0]
    st.markdown(
        f"**From the first frame to the last the state of the last layer grows "
        f"{growth[-1]:.1f} times; in the end {100 * tokens[-1, 0]:.0f} % of what the classifier "
        f"reads is the newest frame, {100 * (1 - tokens[-1, 0]):.0f} % is memory.**"
    )
    times = choice.clip.times
    return Exhibit(
        state_panels(times, hidden, gate, tokens),
        "hidden-state",
        "Over the frames: the size of each layer's hidden state, the share of the state in its "
        "gate, and the shares of the class tokens that the classifier reads",
        [(choice, "frame by frame, one state a layer")],
        numbers={
            "times": (times, "(T,) seconds"),
            "hidden": (hidden, "(T, L) root mean square of the state after each frame"),
            "gate": (gate, "(T, L) share of the state in Q, K and V, 0..1"),
            "tokens": (tokens, "(T, L + 1) shares of T_s and of T_t of each layer"),
        },
    )


def frame_maps(choice: Choice) -> Exhibit:
    """Both maps from frame to frame of the last layer, each on a scale of its own."""
    trace = cached.trace(choice)
    maps = {tap: explain.temporal(trace, tap=tap) for tap in TAPS}
    sides = [
        Panel(title, maps[tap], weight_scale(maps[tap], False), (), row="frame")
        for tap, title in TAPS.items()
    ]
    spans = ", ".join(
        f"{title.partition(',')[0]} {maps[tap].min():.3f} to {maps[tap].max():.3f}"
        for tap, title in TAPS.items()
    )
    return Exhibit(
        order_pair(sides),
        "frame-maps",
        "Both maps from frame to frame side by side",
        [(choice, f"last layer, mean over heads: {spans}; 1/T is {1 / len(trace.clip):.3f}")],
        numbers={tap: (maps[tap], "(T, T) row: frame that asks") for tap in TAPS},
    )


@made_once(size=lambda shown: sum(glance.heat.nbytes + 500 for glance in shown))
def glances(choice: Choice) -> list[Glance]:
    """What each frame of the clip showed to a recurrent model."""
    seen = choice.clip.seen(choice.crop, choice.card.size)
    pictures = zip(choice.clip.times.tolist(), seen, strict=True)
    return [glance for _, glance in watch(choice.seeing, pictures)]
