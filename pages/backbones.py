"""Other models: what others report of theirs, and which tokens see which in each design."""

from pages.parts import head, survey
from pages.parts.choose import current_choice
from pages.parts.designs import which_tokens_see_which

choice = current_choice()
head.page("Other models", "What others report, and which tokens see which in each design.")
survey.accuracy(choice)
which_tokens_see_which()
survey.table(choice)
