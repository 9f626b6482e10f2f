"""Observe, explain and order what video transformers attend to. No Streamlit, no training code."""
