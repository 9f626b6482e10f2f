"""Checkpoints from a folder, the hub's cache and a hub on this machine.

With and without a network.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import BadInput
from core.models import available, image_models
from core.weights import hub, load_checkpoint

REPO = "someone/tiny-timesformer"
K400 = "facebook/timesformer-base-finetuned-k400"
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that refuses every connection."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(hub.FOLDER, raising=False)
    at(monkeypatch, "http://127.0.0.1:9")
    return tmp_path / "cache"


def at(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )


def kept(cache: Path, repo: str, folder: Path, *, revision: str = "main", but: str = "") -> None:
    """Put a folder into the cache as the hub's client does."""
    place = cache / f"models--{repo.replace('/', '--')}"
    snapshot = place / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / revision).write_text(REVISION)
    for file in folder.iterdir():
        if file.name != but:
            (snapshot / file.name).write_bytes(file.read_bytes())


@pytest.fixture
def server(timesformer_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on this machine that has REPO; the list fills with what was asked."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(f"{self.command} {self.path}")
            name = self.path.rsplit("/", 1)[-1]
            found = timesformer_folder / name
            known = self.path == f"/{REPO}/resolve/main/{name}"
            content = found.read_bytes() if known and found.is_file() else b""
            self.send_response(200 if content or self.path == "/" else 404)
            if self.path.startswith(f"/{REPO}/"):
                self.send_header("X-Repo-Commit", REVISION)
            if not content:
                error = "RepoNotFound"
                if known:
                    error = "EntryNotFound"
                elif self.path.startswith(f"/{REPO}/"):
                    error = "RevisionNotFound"
                self.send_header("X-Error-Code", error)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_GET = do_HEAD  # noqa: N815 - the library's own name

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        at(monkeypatch, f"http://127.0.0.1:{running.server_port}")
        yield asked
        running.shutdown()


def refused(source: str | Path, *words: str) -> None:
    with pytest.raises(BadInput) as error:
        hub.fetch(source)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_checkpoint_is_downloaded_once_and_then_needs_no_network(
    server: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []
    assert hub.local(f"hf://{REPO}") is None
    files = hub.fetch(f"hf://{REPO}", lambda so_far, whole: heard.append((so_far, whole)))
    size = files.weights.stat().st_size
    assert (
        files.weights.name == "model.safetensors"
        and set(files.beside) == {"config.json"}
        and files.named is None
    )
    assert heard[-1] == (size, size) and [h[0] for h in heard] == sorted(h[0] for h in heard)
    assert not any("pytorch_model.bin" in request for request in server), (
        "one file of weights is enough"
    )
    asked = len(server)
    at(monkeypatch, "http://127.0.0.1:9")
    model = load_checkpoint(f"hf://{REPO}")
    card = model.card
    assert (
        card.labels == ("jump", "run", "swim")
        and card.recipe == {"source": f"hf://{REPO}"}
        and not model.net.training
    )
    assert len(server) == asked


def test_what_the_hub_does_not_have_is_said_in_one_line(server: list[str]) -> None:
    refused("hf://someone/else", "someone/else", "not on the hub")
    refused(f"hf://{REPO}@v9", "no revision 'v9'")


def test_a_repository_without_weights_is_refused(
    server: list[str], timesformer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "WEIGHTS", ("other.safetensors", "other.bin"))
    refused(f"hf://{REPO}", "neither other.safetensors nor other.bin")


def test_without_a_network_the_line_says_what_to_do() -> None:
    refused(f"hf://{REPO}", REPO, "cannot be reached", "local folder")
    refused("TimeSformer K400", K400, "cannot be reached")


def test_offline_mode_asks_nobody(server: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(f"hf://{REPO}", "HF_HUB_OFFLINE", "local folder")
    assert server == []


def test_a_connection_that_breaks_leaves_nothing_that_looks_whole(
    server: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    whole = huggingface_hub.hf_hub_download

    def breaks(repo: str, name: str, **settings: object) -> str:
        if name in hub.WEIGHTS:
            raise ConnectionResetError(104, "Connection reset by peer")
        return whole(repo, name, **settings)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", breaks)
    refused(f"hf://{REPO}", "cannot be reached")
    assert hub.local(f"hf://{REPO}") is None


def test_a_full_disk_is_not_called_a_missing_network(
    server: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    with pytest.raises(OSError, match="No space left"):
        hub.fetch(f"hf://{REPO}")


@pytest.mark.parametrize(
    "source",
    [
        "hf://",
        "hf://only",
        "hf://a/b/c",
        "hf://../secret",
        "hf://a/..",
        "hf://a/b@",
        "hf://a/b@../x",
        "hf://a b/c",
    ],
)
def test_a_name_that_is_none_is_refused_before_anything_is_asked(source: str) -> None:
    refused(source, "hf://OWNER/NAME")


def test_a_path_keeps_its_meaning_when_its_slashes_are_folded(
    timesformer_folder: Path, cache: Path
) -> None:
    kept(cache, REPO, timesformer_folder)
    assert hub.local(Path(f"hf://{REPO}")) is not None


# -- what is on this machine already


def test_the_cache_is_used_by_name_and_by_revision(timesformer_folder: Path, cache: Path) -> None:
    kept(cache, K400, timesformer_folder, revision="v1")
    assert hub.local(f"hf://{K400}") is None, "no copy of main"
    found = hub.local(f"hf://{K400}@v1")
    assert found is not None and found.named is hub.NAMED["TimeSformer K400"]
    assert hub.local(f"hf://{K400}@{REVISION}") is not None


def test_weights_without_their_config_are_not_taken_from_the_cache(
    timesformer_folder: Path, cache: Path
) -> None:
    kept(cache, K400, timesformer_folder, but="config.json")
    assert hub.local("TimeSformer K400") is None
    missing = cache / f"models--{K400.replace('/', '--')}" / ".no_exist" / REVISION
    missing.mkdir(parents=True)
    (missing / "config.json").touch()
    assert hub.local("TimeSformer K400") is not None, "the hub is known to have none"


def test_named_checkpoints_are_ready_when_they_are_here(
    timesformer_folder: Path, cache: Path
) -> None:
    assert hub.ready() == []
    assert {named.model for named in hub.offered()} <= {*available(), *image_models()}
    assert "TimeSformer K400" in [n.name for n in hub.offered()]
    kept(cache, K400, timesformer_folder)
    assert [named.name for named in hub.ready()] == ["TimeSformer K400"]
    card = load_checkpoint("TimeSformer K400").card
    assert card.trained_on == "Kinetics-400" and card.license == "CC-BY-NC-4.0"
    assert (card.sampling, card.stride) == ("dense", 32) and card.recipe == {
        "source": f"hf://{K400}"
    }


@pytest.mark.parametrize("place", [K400, K400.split("/")[1]])
def test_a_folder_of_checkpoints_comes_before_the_cache(
    timesformer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "mine" / place).parent.mkdir(parents=True)
    (tmp_path / "mine" / place).symlink_to(timesformer_folder)
    monkeypatch.setenv(hub.FOLDER, str(tmp_path / "mine"))
    found = hub.local("TimeSformer K400")
    assert (
        found is not None
        and found.weights.is_relative_to(tmp_path / "mine")
        and "config.json" in found.beside
    )
    assert [named.name for named in hub.ready()] == ["TimeSformer K400"]
    assert hub.local(f"hf://{K400}@v2") is None, "a folder says nothing of revisions"


def test_a_folder_or_a_file_is_taken_as_it_is(timesformer_folder: Path, tmp_path: Path) -> None:
    for source in (
        timesformer_folder,
        str(timesformer_folder),
        timesformer_folder / "model.safetensors",
    ):
        files = hub.fetch(source)
        assert (
            files.weights == timesformer_folder / "model.safetensors"
            and files.beside["config.json"].parent == timesformer_folder
        )
    refused(tmp_path, "model.safetensors or pytorch_model.bin")
    refused(tmp_path / "nothere", "does not exist", "hf://OWNER/NAME", "TimeSformer K400")


def test_every_named_checkpoint_says_what_it_is() -> None:
    for name, named in hub.NAMED.items():
        assert named.name == name and named.source.startswith("hf://") and named.megabytes > 0
        assert (
            named.license
            and named.data
            and named.model in ("timesformer", "videomae", *image_models())
            and named.preset in ("s", "b")
        )
    assert len({named.source for named in hub.NAMED.values()}) == len(hub.NAMED)
