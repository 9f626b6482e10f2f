# The app on the CPU; built and started with one command:
#     make docker
# or, without make:
#     docker build -t attention-in-motion . && docker run --rm -p 8501:8501 attention-in-motion
# Plain pip fetches PyTorch with CUDA, some gigabytes. For the small CPU build set
# PIP_EXTRA_INDEX_URL to PyTorch's CPU index (its install page names it), as for `make app`;
# without make: --build-arg PIP_EXTRA_INDEX_URL.
# Clips of your own, and runs that stay:
#     docker run --rm -p 8501:8501 -v CLIPS:/clips:ro -v RUNS:/runs attention-in-motion \
#         aim-app --clips /clips --runs /runs
FROM python:3.11-slim AS build

ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# Requirements first: a change of the code keeps this layer. A slim image lacks the graphics
# libraries that OpenCV's windows need, so it takes the build without windows.
WORKDIR /src
RUN python -m venv /opt/aim
COPY requirements.txt ./
RUN sed 's/^opencv-python==/opencv-python-headless==/' requirements.txt > headless.txt \
    && /opt/aim/bin/pip install -r headless.txt

COPY pyproject.toml README.md LICENSE app.py ./
COPY .streamlit .streamlit
COPY assets assets
COPY core core
COPY training training
COPY pages pages
RUN /opt/aim/bin/pip install --no-deps .

FROM python:3.11-slim

# Not as root, and with a home: Streamlit, Matplotlib and the hub keep their caches there.
RUN useradd --create-home --uid 1000 aim && mkdir /runs && chown aim:aim /runs
COPY --from=build /opt/aim /opt/aim
ENV PATH=/opt/aim/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501 \
    STREAMLIT_SERVER_HEADLESS=true
USER aim
WORKDIR /home/aim
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD \
    python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health')"

CMD ["aim-app", "--runs", "/runs"]
