"""Print what each claim of a lesson's file says beside what is measured: python -m tests.lessons 4.

Without a number all lessons are measured. The exit code is 1 where a claim is wrong.
"""

from __future__ import annotations

import sys

from core.draw.lesson import lessons
from tests.lessons.measures import holds, measured


def main(numbers: list[int]) -> int:
    wrong = 0
    for number, lesson in lessons().items():
        if numbers and number not in numbers:
            continue
        for name, claim in lesson.claims.items():
            value = measured(claim)
            right = holds(claim, value)
            wrong += not right
            off = f" ± {claim.tolerance:g}" if claim.tolerance else ""
            verdict = "" if right else "  WRONG"
            print(f"{number} {name}: says {claim.value}{off}, measured {value}{verdict}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]]))
