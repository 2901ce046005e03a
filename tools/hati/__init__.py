# SPDX-License-Identifier: MIT
"""The `hati` command: set up, build, boot, test, measure and debug the system."""
