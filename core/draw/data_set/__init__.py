"""What a model does with every clip of a data set, as a folder of Parquet files.

A folder of results holds `manifest.json` (`manifest`) and shards `clips/00000.parquet`, ... of a
row a clip (`columns`). `python -m core explain-set` writes it, and the page Data set reads it.
"""
