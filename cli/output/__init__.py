"""Everything that is printed: tables, JSON, single artifacts, progress; and the pager and the terminal behind it."""
