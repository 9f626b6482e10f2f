"""GradCAM: where the evidence for a class is, of one model or of two side by side."""

import streamlit as st

from pages.parts import evidence, head
from pages.parts.attributions import other_attributions
from pages.parts.choose import current_choice
from pages.parts.domain import say_no_classes
from pages.parts.opening import where_maps_are
from pages.parts.show import NOT_AN_EXPLANATION
from pages.parts.words import as_text

choice = current_choice()
head.page("GradCAM", "Which places of the clip speak for a class.")
opening = st.container()
if say_no_classes(choice):
    evidence.what_it_shows_instead()
    st.stop()
question = evidence.question(choice)
answers = evidence.answers(choice, question)
with opening:
    where_maps_are(
        [answer.choice for answer in answers],
        [answer.cam.heat for answer in answers],
        f"The evidence for {as_text(question.label)}",
        [answer.note(question) for answer in answers],
    )

evidence.where_the_evidence_is(question, answers).draw()
for answer in answers:
    evidence.frame_by_frame(answer)
for column, answer in zip(st.columns(2, gap="large"), answers, strict=False):
    with column:
        evidence.what_it_sees(answer.choice).draw()

other_attributions(choice, answers[0].target, question.opacity, question.colours)
st.caption(
    NOT_AN_EXPLANATION.replace(
        "Attention shows where the model looks from",
        "Gradients and occlusion show where the score changes",
    )
)
