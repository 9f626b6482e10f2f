"""The top of a page: its name, what it is for, and a sentence on what is seen in this clip."""

from __future__ import annotations

from html import escape

import streamlit as st

NAME = "Attention in Motion"
ABOUT = "shows what video models look at, and whether they notice when frames are shuffled."
PAPERS = {
    "RViT": (
        "https://openaccess.thecvf.com/content/CVPR2022/html/"
        "Yang_Recurring_the_Transformer_for_Video_Action_Recognition_CVPR_2022_paper.html",
        "Yang et al., Recurring the Transformer for Video Action Recognition, CVPR 2022",
    ),
    "AM Flow": (
        "https://hal.science/hal-05458820v1",
        "Agrawal et al., Are Attention Maps Richer than we Imagined for Action Recognition?, "
        "AVSS 2025",
    ),
    "DirecFormer": (
        "https://arxiv.org/abs/2203.10233",
        "Truong et al., DirecFormer: A Directed Attention in Transformer Approach to Robust Action "
        "Recognition, CVPR 2022",
    ),
    "FAR": (
        "https://doi.org/10.3390/s24216842",
        "Kim and Choi, Fusion Attention for Action Recognition, Sensors 2024",
    ),
}
"""Of each of the four papers: where it stands, and its title."""
LICENCE = "https://www.apache.org/licenses/LICENSE-2.0"


def first_page() -> None:
    """The app's name, what it is for, the papers that it follows, and its licence."""
    papers = ", ".join(_link(name, *paper) for name, paper in PAPERS.items())
    _write(NAME, ABOUT, f"Papers: {papers}. Licence: {_link('Apache 2.0', LICENCE)}.")


def page(title: str, about: str) -> None:
    """A page's name, and what it is for."""
    _write(title, about)


def _write(title: str, about: str, more: str = "") -> None:
    small = f" <small>{more}</small>" if more else ""
    st.html(f'<div class="head"><h1>{escape(title)}</h1> <span>{escape(about)}</span>{small}</div>')


def _link(name: str, address: str, title: str = "") -> str:
    """A link that is fetched when it is followed, not before."""
    return (
        f'<a href="{escape(address)}" title="{escape(title)}" target="_blank" rel="noreferrer">'
        f"{escape(name)}</a>"
    )
