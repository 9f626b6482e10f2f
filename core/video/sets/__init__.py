"""Data sets as they lie on a disk: which clips they hold, with which labels, and their frames.

Training, evaluation and `python -m core explain-set` list and read clips here.
"""
