"""What users pass as an image, and the URL or the `data:` URI that it becomes."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image, ImageOps

from artifact_store import InvalidArtifact, image_payload
from artifact_store.payloads.images import MAX_IMAGE_BYTES

mpl.use("agg")


def png(size=(2, 3), mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


def shown(payload):
    """Open what a data: URI holds; the kind that it names must be what it is."""
    head, _, content = payload["data"]["image"].partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content, validate=True)))
    image.load()
    assert head == f"data:image/{image.format.lower()}"
    return image


@pytest.mark.parametrize(
    "url",
    [
        "https://a.b/c.png",
        "http://a.b",
        "//a.b/c",
        "s3://bucket/c.png",
        "data:image/png;base64,AAAA",
        "HTTPS://A.B",
    ],
)
def test_a_url_is_kept_as_it_is(url):
    assert image_payload(url) == {"type": "image", "data": {"image": url}}
    assert image_payload(image_url="/static/a.png")["data"] == {"image": "/static/a.png"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_the_kind_of_a_file_is_told_by_its_first_bytes(tmp_path, kind):
    path = tmp_path / "image.txt"
    Image.new("RGB", (4, 5)).save(path, kind)
    for image in (
        path,
        str(path),
        path.read_bytes(),
        bytearray(path.read_bytes()),
        memoryview(path.read_bytes()),
    ):
        assert shown(image_payload(image)).size == (4, 5)
    with path.open("rb") as file:
        assert shown(image_payload(file)).format == kind


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "F", "CMYK", "YCbCr", "HSV"]
)
def test_a_pil_image_of_any_mode_is_png(mode):
    assert shown(image_payload(Image.new(mode, (4, 5)))).format == "PNG"


GREYS = np.linspace(0, 1, 12, dtype="float32").reshape(3, 4)


@pytest.mark.parametrize(
    ("pixels", "mode", "wanted"),
    [
        (GREYS, "L", np.round(GREYS * 255)),
        (GREYS * 255, "L", np.round(GREYS * 255)),
        (GREYS * 0, "L", GREYS * 0),
        ((GREYS * 200).astype("int32"), "L", (GREYS * 200).astype("int32")),
        ((GREYS * 60_000).astype("int32"), "I;16", (GREYS * 60_000).astype("int32")),
        ((GREYS * 200).astype("uint16"), "I;16", (GREYS * 200).astype("uint16")),
        ((GREYS * 60_000).astype(">u2"), "I;16", (GREYS * 60_000).astype("uint16")),
    ],
)
def test_shades_of_grey_keep_their_range(pixels, mode, wanted):
    image = shown(image_payload(Image.fromarray(pixels)))
    assert image.mode in (
        mode,
        mode.partition(";")[0],
    )  # Pillow 10 reads shades of 16 bits as integers
    assert np.abs(np.asarray(image).astype(float) - wanted).max() <= (
        1 if pixels.dtype.kind == "f" else 0
    )


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (GREYS * 1000, "mode F holds numbers from 0 to 1000: scale them to 0 to 1, or 0 to 255"),
        (GREYS - 1, "mode F holds numbers from -1 to 0"),
        (np.where(GREYS > 0.5, np.float32(np.inf), GREYS), "mode F holds numbers from 0 to inf"),
        (
            np.where(GREYS > 0.5, np.float32(np.nan), GREYS),
            "mode F holds NaN: give these pixels a number",
        ),
        (
            (GREYS * 70_000).astype("int32"),
            "mode I holds numbers from 0 to 70000: scale them to 0 to 255, or 0 to 65535",
        ),
        ((GREYS * -5).astype("int32"), "mode I holds numbers from -5 to 0"),
    ],
)
def test_shades_of_grey_that_an_image_cannot_show_are_refused(pixels, sentence):
    with pytest.raises(InvalidArtifact, match=f"^image: the PIL image of {sentence}"):
        image_payload(Image.fromarray(pixels))


@pytest.mark.parametrize(("mode", "wanted"), [("RGBa", "RGBA"), ("La", "LA"), ("PA", "RGBA")])
def test_transparency_is_kept(mode, wanted):
    solid = Image.new("RGBA", (2, 2), (200, 200, 200, 128))
    if mode == "PA":
        image = Image.new("P", (2, 2))
        image.putpalette([200] * 768)
        image = image.convert("PA")
        image.putalpha(128)
    else:
        image = solid.convert(wanted).convert(mode)
    assert image.mode == mode
    kept = shown(image_payload(image))
    assert kept.mode == wanted
    assert np.abs(np.asarray(kept.convert("RGBA")).astype(int) - np.asarray(solid)).max() <= 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "MPO"])
@pytest.mark.parametrize("turned", [1, 3, 6, 8])
def test_a_photo_is_the_right_way_up(format, turned):
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x010F] = "a camera"
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste("black", (0, 0, 20, 20))
    file = io.BytesIO()
    upright.save(
        file,
        format,
        exif=exif,
        **({"save_all": True, "append_images": [upright]} if format == "MPO" else {}),
    )
    photo = Image.open(file)
    assert photo.format == format
    wanted = ImageOps.exif_transpose(photo).convert("L")
    seen = shown(image_payload(photo))
    assert seen.format == ("JPEG" if format in ("JPEG", "MPO") else "PNG")
    assert 0x010F not in seen.getexif(), "what else EXIF tells is private"
    kept = ImageOps.exif_transpose(seen).convert("L")
    assert kept.size == wanted.size
    assert np.abs(np.asarray(kept).astype(int) - np.asarray(wanted)).max() < 30


def test_a_photo_stays_jpeg():
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "JPEG", quality=60)
    assert shown(image_payload(Image.open(file))).format == "JPEG"


WAYS = [
    ("PNG", {}),
    ("PNG", {"save_all": True}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("GIF", {}),
    ("GIF", {"save_all": True}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"save_all": True}),
]


@pytest.mark.parametrize(("format", "ways"), WAYS)
@pytest.mark.parametrize("size", [(1, 1), (23, 7)])
def test_an_image_that_is_cut_off_anywhere_is_refused(format, ways, size):
    frames = [Image.effect_noise(size, spread).convert("RGB") for spread in (50, 90)]
    file = io.BytesIO()
    frames[0].save(
        file, format, **ways, **({"append_images": frames[1:]} if "save_all" in ways else {})
    )
    whole = file.getvalue()
    assert shown(image_payload(whole)).size == size
    assert image_payload(whole + b"behind")["type"] == "image"
    for length in range(len(whole)):
        with pytest.raises(
            InvalidArtifact,
            match=r"^image: the bytes is (cut off or damaged \(.*\): save it|not an image)",
        ):
            image_payload(whole[:length])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (png()[:20], r"cut off or damaged \(it ends at byte 20\): save it again"),
        (png().replace(b"IHDR", b"IHDX"), "its first chunk is not its header"),
        (png()[:50] + b"?" + png()[51:], "the checksum of its chunk at byte 33 is wrong"),
        (png()[:33] + png()[-12:], "it holds no pixels"),
        (b"GIF89a", "it ends at byte 6"),
        (b"GIF89a" + bytes(7) + b";", "it holds no pixels"),
        (b"GIF89a" + bytes(8), "byte 13 begins no block"),
        (b"\xff\xd8\xff\xd9", "it holds no pixels"),
        (b"RIFF\x04\0\0\0WEBP", "it holds no pixels"),
    ],
)
def test_an_image_that_is_damaged_says_where(content, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        image_payload(content)


def test_figures_and_axes_of_matplotlib():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    axes = figure.subplots()
    axes.plot([1, 2, 3])
    for image in (figure, axes):
        assert shown(image_payload(image, alt="rising")).size == (100, 50)
    assert image_payload(figure, alt="rising")["data"]["alt"] == "rising"


class Broken:
    def savefig(self, file, format):
        raise RuntimeError("no canvas")


SVG = (
    b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (12, "image is an int: pass a URL, the path of a file, its bytes"),
        (np.zeros((2, 2)), "image is a numpy.ndarray: pass a URL"),
        (b"", "the bytes is not an image: use PNG, JPEG, GIF or WebP"),
        (b"%PDF-1.7", "the bytes is not an image"),
        (b"RIFF\x00\x00\x00\x00WAVE", "the bytes is not an image"),
        (SVG, "the bytes is an SVG, which may hold scripts: save it as PNG"),
        (io.BytesIO(SVG.upper()), "is an SVG"),
        (io.StringIO("text"), "gives text: open the file in binary mode"),
        (
            "nowhere.png",
            r"'nowhere.png' cannot be read \(No such file or directory\): give the path of a file, or a URL",
        ),
        (Path("/"), "cannot be read"),
        ("a\0.png", "cannot be read"),
        (Broken(), r"cannot be written as PNG \(no canvas\)"),
        (None, "Give an image, or else its image_url"),
    ],
)
def test_what_is_no_image_is_one_sentence(image, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        image_payload(image)


def test_an_image_is_given_once():
    with pytest.raises(InvalidArtifact, match="one of the two"):
        image_payload("https://a.b", image_url="https://a.b")
    with pytest.raises(InvalidArtifact, match="alt is an int: pass text"):
        image_payload("https://a.b", alt=3)


def test_the_limit_is_exact(tmp_path):
    largest = png().ljust(MAX_IMAGE_BYTES, b"\0")
    path = tmp_path / "large.png"
    path.write_bytes(largest)
    payload = image_payload(path)
    assert shown(payload).size == (2, 3)
    assert image_payload(payload["data"]["image"]) == payload, "its own data: URI is no larger"
    path.write_bytes(largest + b"\0")
    for image in (
        path,
        largest + b"\0",
        io.BytesIO(largest + b"\0"),
        payload["data"]["image"] + "A" * 104,
    ):
        with pytest.raises(
            InvalidArtifact,
            match=r"is larger than the 5 MiB that are kept in a store: make it smaller",
        ):
            image_payload(image)


def test_no_library_is_imported_for_what_it_has_not_made():
    script = (
        "import sys, artifact_store as a; a.table_payload([[1]]); a.image_payload(bytes.fromhex('"
        + png().hex()
        + "'));"
        "assert not {'pandas', 'polars', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
