"""Data set: what a model did with every clip of a folder, and which of them to look at."""

from pages.parts import data_set, data_set_charts, data_set_clips, head
from pages.parts.choose import current_choice

current_choice()
head.page("Data set", "What a model did with every clip, and which of them to look at.")
subject = data_set.chosen()
rows = data_set.filtered(subject)
data_set.figures_at_the_top(subject, rows)
data_set_charts.charts(subject, rows)
data_set_clips.clips(subject, rows)
