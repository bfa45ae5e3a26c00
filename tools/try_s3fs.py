"""Try runs at ``s3://`` with the real client and a server of this machine: ``python tools/try_s3fs.py``.

A run is stopped, and goes on as on another machine; runs are listed; locks are held, refused and taken over.

It needs what no test needs: ``pip install "qatk[s3fs]" moto flask flask-cors``.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

RECIPE = """
qatk: 1
backbone: {use: tiny, vocab_size: 400, hidden_size: 32, layers: 1, max_length: 64}
featurizer: {use: stride, max_length: 64, doc_stride: 8}
data: {train: {use: facts, questions: 64}, dev: {use: facts, questions: 32, seed: 2}}
trainer: {use: torch, epochs: 2, log_every: 1}
save_every: 1
"""


def main() -> None:
    """Stop a run, go on with it as another machine does, compare it, and see what is said of a bucket that is gone."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ACCESS_KEY_ID": "tried", "AWS_SECRET_ACCESS_KEY": "tried", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    with TemporaryDirectory() as folder:
        try:
            _try(Path(folder))
        finally:
            server.stop()


def _try(folder: Path) -> None:
    import fsspec

    import qatk
    from qatk.errors import UsageError
    from qatk.files import place_of
    from qatk.progress import listen

    fsspec.filesystem("s3").mkdir("bucket")
    (folder / "tried.yaml").write_text(RECIPE)

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "training" and done == 5:
            raise RuntimeError("stopped")

    os.environ["QATK_CACHE"] = str(folder / "machine-1")
    try:
        with listen(stop):
            qatk.run(folder / "tried.yaml", out="s3://bucket/runs/tried")
    except RuntimeError as error:
        print(f"the run: {error}; there: {[name.rpartition('/')[2] for name in _states()]}")
    os.environ["QATK_CACHE"] = str(folder / "machine-2")
    qatk.run(folder / "tried.yaml", out="s3://bucket/runs/tried", resume=True)
    qatk.run(folder / "tried.yaml", out=folder / "whole")
    os.environ["QATK_CACHE"] = str(folder / "machine-3")
    found = qatk.compare("s3://bucket/runs/tried", folder / "whole", draws=1000).pairs[0].headline
    assert found.difference == 0, found
    assert not _states()
    print(f"resumed elsewhere, with equal figures; its model: {qatk.load_model('s3://bucket/runs/tried').weights}")
    _try_locks()
    for run in qatk.list_runs("s3://bucket/runs"):
        print(f"listed: {place_of(run.folder)}, {run.state}, F1 {run.metrics['f1']:.1f}, {run.updated}")
    try:
        qatk.run(folder / "tried.yaml", out="s3://gone/runs/tried")
    except UsageError as error:
        print(f"no bucket: {error}")


def _try_locks() -> None:
    """One lock is held and refused, then left, and taken over after a minute."""
    from qatk.errors import RunFolderError
    from qatk.files import RemoteFolder
    from qatk.run_folder.lock import Lock
    from qatk.run_folder.remote_lock import RemoteLock, locked_there

    remote, elsewhere = RemoteFolder("s3://bucket/runs/tried"), Lock(None)
    elsewhere.said = {"pid": 7, "host": "elsewhere"}
    other = RemoteLock(remote, Lock(None))
    with locked_there(remote, elsewhere) as held:
        try:
            other.take()
        except RunFolderError as error:
            print(f"a second machine: {error}")
        held.check()
    held.take()  # and gives no sign again
    other.take()
    try:
        held.check()
    except RunFolderError as error:
        print(f"the first, after a minute: {error}")
    other.give_back()
    assert remote.read(".lock") is None


def _states() -> list[str]:
    import fsspec

    store = fsspec.filesystem("s3", use_listings_cache=False)
    found = store.ls("bucket/runs/tried/checkpoints") if store.exists("bucket/runs/tried/checkpoints") else []
    return [str(name) for name in found]


if __name__ == "__main__":
    main()
