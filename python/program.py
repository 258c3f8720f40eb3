#!python
"""The command `lodestone` of a Python environment: starts the program, which lies inside the package.

A wheel brings the libraries that the program needs. Their place relative to the package is known when
the wheel is made, their place relative to the environment's commands is not.
"""

import importlib.util
import os
import sys

# Finds the package without importing it: importing takes longer than most commands do.
package = importlib.util.find_spec("lodestone").submodule_search_locations[0]
program = os.path.join(package, "bin", "lodestone")
# The verbs that the package does need this interpreter.
os.environ.setdefault("LODESTONE_PYTHON", sys.executable)
os.execv(program, sys.argv)
