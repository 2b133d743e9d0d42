"""The store beside other programs that keep artifacts, each in a process and a virtual environment of its own."""
