"""Texts that try to run scripts in a page or to control a terminal."""

ATTACKS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](&#x6a;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[x](data:image/png;base64,iVBORw0=)",
    "[x](vbscript:x) [y](file:///etc/passwd) [z](//host/x)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "![x](data:text/html,<script>alert(1)</script>)",
    '![x" onerror="alert(1)](https://example.org/"onerror="alert(1))',
    '[x](https://example.org "title" onclick=alert(1))',
    "<javascript:alert(1)>",
    "[x]\n\n[x]: javascript:alert(1)",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "| <script>alert(1)</script> |\n|:-:|\n| <img src=x onerror=alert(1)> |",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "javascript:alert(1)",
    " \tjava\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
    "\x1b]0;owned\x07\x1b[31m\x9b31m&#x1b;[31m",
    "&#x202e;gnp.exe \u202egnp.exe &#8238; \u2066",
    "\u2028\u2029\ufeff\u200b",
]


def everywhere(text):
    """Yield (type, data) pairs that have a text in every place where data may have one."""
    row = {text: text, "n": [text, {text: text}], "m": None}
    yield "table", [row, {text: 1}]
    yield "table", {text: [text]}
    yield "table", [[text, text]]
    yield "table", text

    yield "markdown", text
    yield "markdown", f"# {text}\n- {text}\n\n{text}"

    yield "link", text
    yield "link", {"link": text, "link_text": text}
    yield "link", {"link": "https://a.org", "link_text": text}

    yield "image", text
    yield "image", {"image": text, "alt": text}
    yield "image", {"image": "https://a.org/x.png", "alt": text}

    yield "result", row
    yield "result", text
    yield text, row
    yield text, text
    yield text, [row]
    yield "progress", text
