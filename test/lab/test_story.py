#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job from the first boot to the last GPU given back (story.py), each step a test."""

import sys

import runner
import story
from runner import test

TOLD = None
BROKEN = None


def add(name):
    """One test for a step. Each stands on the one before it."""
    def step():
        global BROKEN
        if BROKEN:
            raise AssertionError(f"the story broke before, at: {BROKEN}")
        try:
            getattr(TOLD, name)()
        except BaseException:
            BROKEN = story.sentence(getattr(story.Story, name))
            raise
    step.__name__ = "test_" + story.sentence(getattr(story.Story, name)).replace(" ", "_")
    test(step)


def main():
    global TOLD
    for name in story.Story.STEPS:
        add(name)
    with story.story_lab(quiet=True) as lab:
        TOLD = story.Story(lab, lambda text: print(f"# {text}".replace("\n", "\n# ")))
        return runner.main()


if __name__ == "__main__":
    sys.exit(main())
