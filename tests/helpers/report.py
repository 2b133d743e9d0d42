"""What a report in one file holds."""

import base64
import json
import re
import zlib


def unpacked(text):
    return zlib.decompress(base64.b64decode(text)).decode()


def stored(page, kind):
    """Return what the page holds for the script: `v` what versions show, `d` their payloads, `h` histories."""
    found = re.findall(
        rf'<script type="application/(json|zlib)" id="_{kind}([0-9.]+)">(.*?)</script>', page
    )
    return {
        name: json.loads(text if form == "json" else unpacked(text)) for form, name, text in found
    }
