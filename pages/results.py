"""Results: the papers' printed figures, what was measured here, and how far to trust a verdict."""

from pages.parts import head, results, trust_results
from pages.parts.choose import current_choice

choice = current_choice()
head.page("Results", "What the papers print, and what was measured here.")
results.against_cost(choice)
results.beside_the_papers()
for own_table in results.OWN_TABLES:
    results.beside_no_paper(own_table)
results.do_they_read_motion()
results.where_the_answer_passes()
results.from_a_few_clips()
results.can_it_be_trusted()
trust_results.what_maps_are_worth(choice)
results.three_ways()
results.where_the_curves_are()
