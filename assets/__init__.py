"""Files that the code reads: weights, figures of tables, and the viewers' HTML, CSS and JavaScript.

`ASSETS` is their folder, in the source tree and where the package is installed.
"""

from pathlib import Path

ASSETS = Path(__file__).parent
