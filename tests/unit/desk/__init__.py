"""Tests of the desk's rows, words and stops; its pages are tested on a real hub."""
