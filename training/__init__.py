"""Train and evaluate the models of `core`. No Streamlit."""
