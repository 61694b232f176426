"""Images stream: memory does not grow with their number."""


def test_peak_memory_of_260_images_is_that_of_60(shared, forked, tmp_path, read_manifest):
    """Each run in a process of its own, because a process's peak never falls again; small pictures, for speed."""
    peaks = {}
    for count in (60, 260):
        out = tmp_path / str(count)
        command = (
            "run", "--dataset", "folder",
            "--data-root", shared / "data" / "dogs-vs-cats-200px" / "val", "--limit", count,
            "--weights", shared / "weights" / "alexnet-narrow-catdog.pth", "--steps", 2,
            "--resize", 112, "--crop", 112, "--controls", "none", "--methods", "gradcam",
            "--protocols", "srg", "--workers", 0, "--no-report", "--out", out,
        )  # fmt: skip
        process = forked([str(word) for word in command])
        _, said = process.communicate()
        assert process.returncode == 0, said
        manifest = read_manifest(out)
        assert manifest["counts"]["scored"] == count
        peaks[count] = manifest["peak_memory_mb"]
    assert peaks[260] - peaks[60] < 40, peaks
