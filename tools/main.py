# SPDX-License-Identifier: MIT
"""Entry point that the `hati` launcher runs; everything else is in the package tools/hati/."""

import sys

if sys.version_info < (3, 11):
    sys.exit("hati: Python 3.11 or newer is needed (Debian 12 has it)")

sys.dont_write_bytecode = True

from hati.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
