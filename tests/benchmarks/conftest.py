"""Keep pytest out: these modules measure, they do not test."""

collect_ignore_glob = ["*"]
