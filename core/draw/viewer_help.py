"""What the viewer's controls and pictures explain of themselves; sent to it with the payload."""

from __future__ import annotations

from core.draw.payload import Help
from core.draw.words import NOT_AN_EXPLANATION, TAP_HELP, plain
from core.draw.words import SHARED_HELP as HELP

# of the attentions by name, as the app says it below the viewer
_, _, MEANINGS = plain(TAP_HELP).partition(". ")

VIEWER_HELP = Help(
    controls={
        "tap": f"Which of the model's attentions is drawn. {MEANINGS}",
        "view": (
            "Which of the attentions of a patch is drawn: to places, to frames, or both multiplied."
        ),
        "query": (
            "Who is looking. Point at a patch to see what it sees; click to keep it, Escape to let "
            "it go."
        ),
        "layer": HELP["layer"],
        "head": plain(HELP["head"]),
        "target": (
            "The class whose evidence GradCAM shows: the most probable class of each clip, until "
            "one is chosen here."
        ),
        "opacity": HELP["opacity"],
        "colours": HELP["colours"],
        "scale": (
            "What the brightest colour means. all frames: the largest weight in view. each frame: "
            "the largest of each frame, so frames cannot be compared. whole layer: the largest of "
            "any query and head in this layer, so queries and heads can be compared."
        ),
        "mass": (
            "Attention mass: show only the fewest patches that together hold this much of all "
            "attention in view."
        ),
        "drawn": "Whether patches are seen as such or blended into one another.",
        "patches": "Each patch in its own colour, as the model has it.",
        "smooth": (
            "The patches blended into one another, which is easier on the eye. The model knows "
            "only whole patches."
        ),
        "times": (
            "Which attention from frame to frame is drawn. by pictures (space frames): from what "
            "the frames show. by memory (time frames): from what the hidden state carries."
        ),
        "matrix": (
            "How much each frame (row) looks at each frame (column), averaged over all places "
            "(RViT: of one vector a frame). Signed: red attracts, blue repels. RViT reads frame by "
            "frame and meets no later frame: its map is no step of the network but what its paper "
            "compares of the frames afterwards (Figures 4 and 5), so rows hold later frames too."
        ),
        "flow": (
            "Minus how much the attention map changes between two frames: 0 is no change. It says "
            "nothing of direction and is no attention."
        ),
    },
    off={
        "view": (
            "Only a patch has views: point at one, click one, or press Patch. Who looks now has "
            "one way to look."
        ),
        "colours": ("What is drawn is signed, and always blue (repels), grey (0), red (attracts)."),
        "head": "This attention has one head: its mean and its maximum are the head itself.",
        "layer": "This attention has one layer.",
    },
    views={
        "joint": "The patch sees all patches of all frames at once, a(p→p′).",
        "space": "The patch sees the patches of its own frame, a(p→p′).",
        "time": "The patch sees its own place in every frame, a(t→t′).",
        "space x time": (
            "First the places that the patch sees in its frame, a(p→p′), then the frames that each "
            "of these sees, a(t→t′), multiplied."
        ),
        "each frame separately": "The same place asks in every frame on its own, a(p→p′).",
    },
    queries={
        "cls": "Where the class token looks, the summary from which the class is read.",
        "mean": "What each patch gets from all that see it, on average.",
        "patch": (
            "One patch looks. Point at any patch to see what it sees; click to keep it, Escape to "
            "let it go."
        ),
        "gradcam": (
            "Where the evidence for a class is: the channels A of the last block, each weighted by "
            "the mean gradient α of the score y.\nReLU(∑ α A), α = mean(∂y/∂A). This is no "
            "attention."
        ),
    },
    kernels={
        "softmax": "a = softmax(q·kᵀ / √d)",
        "cosine": "a = q·k / (‖q‖ ‖k‖), the signed cosine: −1 repels, 1 attracts",
        "linear": "a = φ(q)·φ(k)ᵀ, not normalised, with φ(x) = ELU(x) + 1",
        "linear, normalised": "a = φ(q)·φ(k)ᵀ / its row’s sum, with φ(x) = ELU(x) + 1",
    },
    remark=NOT_AN_EXPLANATION,
)
