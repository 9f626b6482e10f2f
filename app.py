"""Attention in Motion: the router.

Start with `streamlit run app.py [-- --clips FOLDER --runs FOLDER --results FOLDER]`. Streamlit
imports this file once for its server, and runs it as a script for each visitor. The server answers
before anything heavy is imported.
"""

import streamlit as st

from assets import ASSETS
from pages.parts import warming
from pages.parts.head import NAME
from pages.parts.server import GUARD, opening_a_browser, page_routes

# The pages of the bar on top, and then its menus. Of each page: its file, which is its name in the
# address too; its title and its icon.
BAR = {
    "explore": ("Explore", ":material/visibility:"),
    "frame_order": ("Frame order", ":material/shuffle:"),
    "am_flow": ("AM flow", ":material/waves:"),
    "gradcam": ("GradCAM", ":material/target:"),
    "compare": ("Compare", ":material/compare:"),
    "lessons": ("Lessons", ":material/school:"),
}
MENUS = {
    "Try": {
        "intervene": ("Intervene", ":material/tune:"),
        "trust": ("Trust", ":material/balance:"),
        "live": ("Live", ":material/videocam:"),
    },
    "Teach": {
        "gestures": ("Your gestures", ":material/waving_hand:"),
        "training": ("Training", ":material/model_training:"),
    },
    "Measure": {
        "data_set": ("Data set", ":material/grid_view:"),
        "results": ("Results", ":material/fact_check:"),
        "backbones": ("Other models", ":material/scatter_plot:"),
    },
}
PAGES = BAR | {file: page for menu in MENUS.values() for file, page in menu.items()}


def show() -> None:
    """Draw what every page shares, and the page that is asked for."""
    warming.wait()
    from core.errors import BadInput
    from pages.guide.strip import strip
    from pages.parts import links, record, session, slides
    from pages.parts.choose import sidebar
    from pages.parts.handout import hand_out
    from pages.parts.theme import style
    from pages.parts.words import message

    # an icon by name would be fetched from another host
    st.set_page_config(page_title=NAME, page_icon=ASSETS / "icon.svg", layout="wide")
    st.html(style())
    page = st.navigation(
        {
            menu: [
                st.Page(f"pages/{file}.py", title=title, icon=icon, default=file == "explore")
                for file, (title, icon) in pages.items()
            ]
            for menu, pages in {"": BAR, **MENUS}.items()
        },
        position="top",
    )
    strip()
    try:
        choice = st.session_state[session.CHOICE] = sidebar()
        if not choice.card.trained_on:
            st.error(
                f"**Random weights.** {choice.title} has learned nothing: what is shown below is "
                "how its attention is built, not what it sees.",
                icon=":material/casino:",
            )
        slides.forget()
        record.forget_gesture(page.url_path)
        not_here = st.container()
        page.run()
        with not_here:
            links.say_rest(page.url_path)
        hand_out(choice)
    except BadInput as error:
        st.error(message(error), icon=":material/error:")


if __name__ == "__main__":
    show()
else:
    app = st.App(__file__, lifespan=opening_a_browser, routes=page_routes(PAGES), middleware=GUARD)
