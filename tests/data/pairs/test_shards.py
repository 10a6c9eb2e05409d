"""Shards: other readers understand them, crops are what the frames show, and a network serves as well as a disk."""

import hashlib
import http.server
import json
import re
import tarfile
import threading

import cv2
import fsspec
import numpy as np
import pytest

from data.pairs.dataset import PairDataset, build_loader
from data.pairs.settings import GeometricJitter, TrackletSettings
from data.pairs.shards import ShardClips, is_complete, write_manifest, write_shard
from data.pairs.sources import ClipSource
from data.pairs.tracklets import TrackletFrames, crop_tracklet
from tests.material.clips import bright_box, make_clip, same

SETTINGS = TrackletSettings(context=5.0, frames_per_clip=4, target_size=24)


@pytest.fixture
def clips(tmp_path):
    boxes = [[60 + 3 * number, 50, 30, 24] for number in range(6)]
    absent = [*boxes[:2], [np.nan] * 4, *boxes[3:]]
    named = {"a.1": boxes, "b": absent, "c": boxes[:1]}
    return [make_clip(tmp_path / name, bboxes, suffix=".jpg") for name, bboxes in named.items()]


@pytest.fixture
def folder(tmp_path, clips):
    return write(tmp_path / "shards", clips)


def write(folder, clips, clips_per_shard=2):
    folder.mkdir()
    shards = []
    for start in range(0, len(clips), clips_per_shard):
        tracklets = [
            crop_tracklet(TrackletFrames.of(clip, 4), SETTINGS)
            for clip in clips[start : start + clips_per_shard]
        ]
        shards.append(folder / f"shard-{start:06d}.tar")
        write_shard(shards[-1], start, tracklets)
    write_manifest(folder, shards, {"name": "test"})
    return folder


def pairs_of(manifest, length=40, **settings):
    source = ClipSource(ShardClips.open(manifest), jitter=GeometricJitter(0.5, 0.1, 0.1, 0.5))
    return PairDataset([(source, 1.0)], length, **settings)


class TestTheFormat:
    def test_tarfile_finds_the_samples_of_webdataset(self, folder):
        found = {}
        for shard in sorted(folder.glob("*.tar")):
            with tarfile.open(shard) as tar:
                for member in tar:
                    key, extension = re.fullmatch(r"([^.]+)\.(.+)", member.name).groups()
                    found.setdefault(key, {})[extension] = tar.extractfile(member).read()
        assert sorted(found) == ["000000", "000001", "000002"]
        assert [json.loads(sample["json"])["name"] for sample in found.values()] == ["a.1", "b", "c"]
        about = json.loads(found["000001"]["json"])
        assert about["numbers"] == [0, 1, 4, 5]  # of 0, 1, 3, 4, 5, evenly
        assert [name.partition(".")[2] for name in about["files"]] == [
            k for k in found["000001"] if k != "json"
        ]
        image = cv2.imdecode(np.frombuffer(found["000001"]["000.jpg"], np.uint8), cv2.IMREAD_COLOR)
        assert bright_box(image) == pytest.approx(about["bboxes"][0], abs=0.5)

    def test_the_index_says_where_each_crop_lies(self, folder):
        clips = ShardClips.open(folder)
        assert [clips[number].name for number in range(len(clips))] == ["a.1", "b", "c"]
        for number in range(len(clips)):
            blobs = [clips[number].view(index).image for index in range(len(clips[number].numbers))]
            with tarfile.open(blobs[0].url) as tar:
                members = [m for m in tar if m.name.startswith(f"{number:06d}.") and m.name.endswith("jpg")]
            assert [blob.start for blob in blobs] == [member.offset_data for member in members]
            assert [blob.stop - blob.start for blob in blobs] == [member.size for member in members]

    def test_checksums_are_those_of_the_files(self, folder):
        lines = (folder / "SHA256SUMS").read_text().splitlines()
        named = dict(reversed(line.split("  ")) for line in lines)
        assert set(named) == {path.name for path in folder.iterdir()} - {"SHA256SUMS", "manifest.json"}
        for name, digest in named.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        for shard in json.loads((folder / "manifest.json").read_text())["shards"]:
            assert shard["sha256"] == named[shard["url"]]
            assert shard["filesize"] == (folder / shard["url"]).stat().st_size

    def test_the_same_clips_give_the_same_bytes(self, tmp_path, clips, folder):
        again = write(tmp_path / "again", clips)
        for path in folder.iterdir():
            assert path.read_bytes() == (again / path.name).read_bytes()

    def test_a_damaged_shard_is_not_complete(self, folder):
        shard = next(folder.glob("*.tar"))
        assert is_complete(shard)
        content = bytearray(shard.read_bytes())
        content[1000] ^= 1
        shard.write_bytes(content)
        assert not is_complete(shard)
        shard.with_suffix(".npz").unlink()
        assert not is_complete(shard)


class TestTheCrops:
    def test_training_sees_what_it_sees_in_the_frames(self, tmp_path):
        """The same pair from a shard and from its clip: the same box, and pixels but for JPEG."""
        folder = tmp_path / "clip"
        clip = make_clip(folder, [[100, 80, 40, 40]] * 2, (260, 220))
        noise = np.random.default_rng(0).integers(0, 256, (220, 260, 3), dtype=np.uint8)
        for path in clip.paths:
            cv2.imwrite(str(path), cv2.GaussianBlur(noise, (0, 0), 3))
        (tmp_path / "shards").mkdir()
        shard = tmp_path / "shards" / "shard-000000.tar"
        settings = TrackletSettings(target_size=64, quality=98)
        write_shard(shard, 0, [crop_tracklet(TrackletFrames.of(clip, 2), settings)])
        write_manifest(shard.parent, [shard], {})
        direct = PairDataset([(ClipSource.of([clip], jitter=GeometricJitter(0.5, 0.1, 0.1, 0.5)), 1.0)], 40)
        for index in range(10):
            first, second = direct[index], pairs_of(shard.parent)[index]
            assert first.search_bbox == pytest.approx(second.search_bbox, abs=1e-3)
            assert np.abs(first.search.astype(int) - second.search).mean() < 2

    def test_what_cannot_be_used_is_left_out_and_said(self, clips, tmp_path):
        clips[0].paths[0].write_bytes(b"broken")
        clips[0].bboxes[-1] = (900, 900, 5, 5)
        tracklet = crop_tracklet(TrackletFrames.of(clips[0], 9), SETTINGS)
        assert tracklet.numbers.tolist() == [1, 2, 3, 4]
        assert "cannot be decoded" in tracklet.skipped[0]
        assert "lies outside the image" in tracklet.skipped[1]
        clips[2].paths[0].unlink()
        folder = write(tmp_path / "shards", clips)
        assert len(ShardClips.open(folder)) == 2  # a clip without any crop is no sample
        assert len(json.loads((folder / "manifest.json").read_text())["skipped"]) == 3


class RangedHandler(http.server.BaseHTTPRequestHandler):
    """Serves files with Range requests, as web servers do and Python's own does not."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            return self.send_error(404)
        content, status = path.read_bytes(), 200
        if match := re.fullmatch(
            r"bytes=(\d+)-(\d*)", self.headers.get("Range", "") if self.server.ranges else ""
        ):
            start, stop = int(match[1]), int(match[2] or len(content) - 1) + 1
            content, status = content[start:stop], 206
            self.server.asked.append(stop - start)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RangedHandler)
    server.folder, server.ranges, server.asked = folder, True, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


class TestOverANetwork:
    def test_any_filesystem_gives_the_same_pairs(self, folder):
        memory = fsspec.filesystem("memory")
        for path in folder.iterdir():
            memory.pipe(f"/shards/{path.name}", path.read_bytes())
        remote, local = pairs_of("memory://shards/manifest.json"), pairs_of(folder)
        cached = pairs_of("simplecache::memory://shards/manifest.json")  # copies the shards that it reads
        assert all(same(remote[index], local[index]) for index in range(8))
        assert all(same(cached[index], local[index]) for index in range(8))
        assert len({len(ShardClips.open(place)) for place in ("memory://shards", folder)}) == 1

    def test_http_gives_the_same_pairs_by_ranges(self, folder, server):
        pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp, which is not installed")
        remote, local = pairs_of(f"{server.url}/manifest.json"), pairs_of(folder)
        assert all(map(same, remote.__getitems__(range(8)), local.__getitems__(range(8))))
        clips = ShardClips.open(folder)
        crops = int((clips.stops - clips.starts).max())
        tables = max(path.stat().st_size for path in folder.iterdir() if path.suffix != ".tar")
        assert 0 < max(server.asked) <= max(crops, tables)  # never a whole shard

    @pytest.mark.slow
    @pytest.mark.parametrize("context", ["fork", "spawn"])
    def test_http_in_workers(self, folder, server, context):
        pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp, which is not installed")
        remote, local = pairs_of(f"{server.url}/manifest.json"), pairs_of(folder)
        remote[0]  # a connection of this process must do no harm to the workers
        batches = build_loader(remote, batch_size=8, workers=2, context=context)
        for first, second in zip(batches, build_loader(local, batch_size=8), strict=True):
            assert first.sources == second.sources
            assert first.search.equal(second.search)

    def test_a_server_that_ignores_ranges_is_told_from_one_that_serves_them(self, folder, server):
        pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp, which is not installed")
        remote = pairs_of(f"{server.url}/manifest.json")
        server.ranges = False
        with pytest.raises(OSError, match="ignores the Range header"):
            remote[0]

    def test_a_missing_shard_is_named(self, folder, server):
        pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp, which is not installed")
        remote = pairs_of(f"{server.url}/manifest.json")
        for shard in folder.glob("*.tar"):
            shard.unlink()
        with pytest.raises(OSError, match=r"shard-\d+\.tar"):
            remote[0]
        with pytest.raises(OSError, match=r"cannot read .*nothing\.json"):
            pairs_of(f"{server.url}/nothing.json")


class TestMistakes:
    def test_no_manifest(self, tmp_path, folder):
        with pytest.raises(OSError, match="cannot read"):
            ShardClips.open(tmp_path)
        (tmp_path / "other.json").write_text('{"images": []}')
        with pytest.raises(ValueError, match="no manifest of shards"):
            ShardClips.open(tmp_path / "other.json")
        (tmp_path / "other.json").write_text("{")
        with pytest.raises(ValueError, match="no manifest of shards"):
            ShardClips.open(tmp_path / "other.json")

    def test_a_shard_that_is_missing_or_cut_short(self, folder):
        shard = next(folder.glob("*.tar"))
        shard.write_bytes(shard.read_bytes()[:-1])
        with pytest.raises(ValueError, match="its manifest says"):
            ShardClips.open(folder)
        shard.unlink()
        with pytest.raises(FileNotFoundError, match="shard does not exist"):
            ShardClips.open(folder)

    def test_an_index_that_is_none(self, folder):
        next(folder.glob("*.npz")).write_bytes(b"PK no index")
        with pytest.raises(ValueError, match="is not the index that its manifest names"):
            ShardClips.open(folder)
        resign(folder)
        with pytest.raises(ValueError, match="is no index of a shard"):
            ShardClips.open(folder)

    @pytest.mark.parametrize(
        ("column", "value", "message"),
        [
            ("bboxes", np.nan, "boxes that are finite and not empty"),
            ("bboxes", -3, "boxes that are finite and not empty"),
            ("stops", 2**40, "crops lie outside"),
            ("starts", -1, "crops lie outside"),
            ("counts", 7, "columns do not fit together"),
        ],
    )
    def test_an_index_whose_numbers_cannot_be(self, folder, column, value, message):
        place = next(folder.glob("*.npz"))
        index = dict(np.load(place))
        index[column][0] = value
        np.savez(place, **index)
        resign(folder)
        with pytest.raises(ValueError, match=message):
            ShardClips.open(folder)

    def test_a_crop_that_was_changed_is_found_when_it_is_read(self, folder):
        for path in folder.iterdir():
            content = path.read_bytes()
            if path.suffix == ".tar":
                content = content.replace(b"\xff\xd9", b"\xff\xd8")  # the ends of the JPEGs
                path.write_bytes(content)
            fsspec.filesystem("memory").pipe(f"/changed/{path.name}", content)
        for place in (folder, "memory://changed/manifest.json"):
            with pytest.raises(OSError, match="holds other bytes"):
                pairs_of(place)[0]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"url": "../../secret.tar"}, "must name files beside it"),
            ({"index": "/etc/passwd"}, "must name files beside it"),
            ({"url": "sub/shard.tar"}, "must name files beside it"),
            ({"filesize": None}, "without filesize"),
            ({"index_sha256": None}, "without index_sha256"),
            ({"filesize": "many"}, "filesize in bytes"),
        ],
    )
    def test_a_manifest_that_names_what_it_must_not(self, folder, change, message):
        file = folder / "manifest.json"
        content = json.loads(file.read_text())
        shard = content["shards"][0] | change
        content["shards"][0] = {key: value for key, value in shard.items() if value is not None}
        file.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=message):
            ShardClips.open(folder)
        file.write_text(json.dumps(content | {"shards": [3]}))
        with pytest.raises(ValueError, match="without url"):
            ShardClips.open(folder)

    @pytest.mark.parametrize(
        "settings", [{"frames_per_clip": 0}, {"context": 0.5}, {"target_size": 0}, {"quality": 101}]
    )
    def test_settings_out_of_range(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            TrackletSettings(**settings)


def resign(folder):
    """Have the manifest name the indices as they are."""
    file = folder / "manifest.json"
    content = json.loads(file.read_text())
    for shard in content["shards"]:
        shard["index_sha256"] = hashlib.sha256((folder / shard["index"]).read_bytes()).hexdigest()
    file.write_text(json.dumps(content))


def test_an_index_that_inflates_is_refused_before_it_does(folder):
    """Zeros, of which a thousandth is stored."""
    file = next(folder.glob("*.npz"))
    with np.load(file) as arrays:
        found = dict(arrays)
    np.savez_compressed(file, **{**found, "firsts": np.zeros(10**6)})
    assert not is_complete(file.with_suffix(".tar"))
    with pytest.raises(ValueError, match="it is compressed"):
        write_manifest(folder, [file.with_suffix(".tar")], {})
