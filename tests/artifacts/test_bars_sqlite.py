"""The bars that `track` draws: on a real terminal, as lines, or not at all."""

import io
import re
import sys
import textwrap

import pytest

from artifact_store import ArtifactStore, InvalidQuery
from artifact_store.rendering import bar as bar_module
from artifact_store.rendering.bar import Bar, Display, LineDisplay
from artifact_store.rendering.bar_terminal import BarLines
from tests.helpers.bars import BEGINNING, WITHOUT_CI, on_pipe, on_terminal, screen_of
from tests.helpers.commandline import program_on_terminal

# On a terminal


def test_a_bar_is_drawn_and_stays():
    told = on_terminal(
        """
        for n in store.track(range(4), key="load", description="Loading *November*"):
            time.sleep(0.15)
            assert sys.stdout is not streams[0]
        assert (sys.stdout, sys.stderr, sys.excepthook) == streams
        """
    )
    assert "  0 %  0 / 4" in told
    assert re.search(r" 25 %  1 / 4", told)
    [line] = screen_of(told)
    assert re.fullmatch(r"Loading November  ━+ 100 %  4 / 4, [\d.]+/s, took 0\.\d s", line)
    assert "\x1b[?25l" not in told, "the cursor stays visible, even if the program is killed"


def test_what_is_printed_stands_above_the_bars():
    told = on_terminal(
        """
        for n in store.track("ab", description="outer"):
            for m in store.track(range(3), description="inner"):
                time.sleep(0.06)
            print("printed", n)
            print("warned", n, file=sys.stderr)
        print("behind")
        """
    )
    *printed, outer, behind = screen_of(told)
    assert printed == ["printed a", "warned a", "printed b", "warned b"]
    assert outer.startswith("outer  ━")
    assert behind == "behind"
    assert "outer  " in told.partition("inner  ")[0]


def test_what_is_logged_stands_above_the_bars_too():
    told = on_terminal(
        """
        import logging
        logging.basicConfig(format="%(message)s")
        own = logging.getLogger("own")
        own.addHandler(logging.StreamHandler(sys.stdout))
        for n in store.track("ab", description="Loading"):
            logging.warning("root %s", n)
            own.warning("own %s", n)
        assert [each.stream for each in logging.root.handlers] == [sys.stderr]
        assert [each.stream for each in own.handlers] == [sys.stdout]
        logging.warning("behind")
        """
    )
    *logged, bar, behind = screen_of(told)
    assert logged == ["root a", "own a", "own a", "root b", "own b", "own b"]
    assert bar.startswith("Loading  ━")
    assert behind == "behind"


def test_what_was_printed_without_a_line_end_is_not_lost():
    told = on_terminal(
        """
        for n in store.track("ab", description="Loading"):
            print(n, end="")
        """
    )
    assert [line[:7] for line in screen_of(told)] == ["ab", "Loading"]


def test_standard_output_in_a_file_stays_there(tmp_path):
    with (tmp_path / "out").open("w+") as out:
        told = on_terminal(
            """
            for n in store.track(range(3), description="Loading"):
                print("row", n)
            """,
            stdout=out,
        )
        out.seek(0)
        assert out.read() == "row 0\nrow 1\nrow 2\n"
    assert "row" not in told
    assert "100 %" in told


@pytest.mark.parametrize(
    "env", [{"TERM": "dumb"}, {"CI": "true"}, {"CI": "1"}], ids=["dumb", "CI", "CI=1"]
)
def test_a_terminal_that_nobody_watches_or_that_cannot_draw_gets_nothing(env):
    assert on_terminal("list(store.track(range(3)))", env=env) == ""


def test_false_draws_nothing():
    assert on_terminal("list(store.track(range(3), show=False))") == ""


def test_no_colours_where_none_are_wanted():
    told = on_terminal("list(store.track(range(3)))", env={"NO_COLOR": "1"})
    assert "100 %" in told
    assert re.findall(r"\x1b\[[0-9;]*m", told) == []
    assert re.findall(r"\x1b\[[0-9;]*m", on_terminal("list(store.track(range(3)))")) != []


def test_a_description_cannot_send_control_characters():
    told = on_terminal(r"""list(store.track("ab", description="a\x1b[31m\x07b\r\n# c"))""")
    assert "\x1b[31m" not in told
    assert "\x07" not in told
    assert len(screen_of(told)) == 1


@pytest.mark.parametrize(
    ("stop", "last", "exit_code"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt", -2),
        ("raise ValueError('no rows')", "ValueError: no rows", 1),
        ("sys.exit('enough')", "enough", 1),
    ],
)
def test_an_error_comes_below_the_bar(stop, last, exit_code):
    told = on_terminal(
        f"""
        for n in store.track(range(4), description="Loading"):
            if n == 2:
                {stop}
        """,
        exit_code,
    )
    lines = screen_of(told)
    assert lines[0].startswith("Loading  ━")
    assert lines[-1] == last
    assert sum("Loading" in line for line in lines) <= 2, "the bar, and the line of the traceback"


def test_an_error_that_is_caught_leaves_the_bar_where_it_was():
    told = on_terminal(
        """
        try:
            for n in store.track(range(4), description="Loading"):
                1 / (2 - n)
        except ZeroDivisionError:
            pass
        print("on", sys.stdout is streams[0])
        """
    )
    bar, on = screen_of(told)
    assert " 50 %  2 / 4" in bar
    assert on == "on True"


def test_a_loop_goes_on_after_an_error_was_shown():
    told = on_terminal(
        """
        items = store.track(range(4), description="Loading")
        next(items), next(items)
        sys.excepthook(ValueError, ValueError("shown"), None)
        assert (sys.stdout, sys.stderr, sys.excepthook) == streams
        time.sleep(0.15)
        next(items)
        assert sys.stdout is not streams[0]
        list(items)
        assert (sys.stdout, sys.stderr, sys.excepthook) == streams
        """
    )
    first, error, last = screen_of(told)
    assert " 25 %  1 / 4" in first or "  0 %  0 / 4" in first
    assert error == "ValueError: shown"
    assert "100 %  4 / 4" in last


@pytest.fixture
def in_file(tmp_path):
    """The environment of a program whose store can be used after a fork."""
    return {"STORE": f"sqlite:///{tmp_path / 'store.db'}"}


def test_a_forked_child_draws_nothing(in_file):
    told = on_terminal(
        """
        import logging
        logging.basicConfig()
        items = store.track(range(3), description="Loading")
        next(items)
        time.sleep(0.15)
        child = os.fork()
        if child == 0:
            assert (sys.stdout, sys.stderr, sys.excepthook) == streams
            assert logging.root.handlers[0].stream is sys.stderr
            list(items)
            list(store.track(range(3), description="of the child"))
            sys.stdout.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        list(items)
        """,
        env=in_file,
    )
    assert "of the child" not in told
    [line] = screen_of(told)
    assert "100 %  3 / 3" in line


def test_a_worker_process_draws_nothing(tmp_path):
    script = tmp_path / "work.py"
    script.write_text(
        textwrap.dedent(BEGINNING)
        + textwrap.dedent(
            """
            import multiprocessing

            def work(name):
                return len(list(store.track(range(3), description=name)))

            if __name__ == "__main__":
                with multiprocessing.get_context("spawn").Pool(2) as pool:
                    for done in store.track(pool.imap(work, "xy"), total=2, description="all"):
                        assert done == 3
            """
        )
    )
    code, told = program_on_terminal([sys.executable, str(script)], env=WITHOUT_CI)
    assert code == 0, told
    [line] = screen_of(told)
    assert line.startswith("all  ━")


def test_threads_share_the_screen():
    told = on_terminal(
        """
        def work(name):
            for n in store.track(range(5), description=name):
                time.sleep(0.05)
                print(name, n)

        threads = [threading.Thread(target=work, args=[name]) for name in "xyz"]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert (sys.stdout, sys.stderr, sys.excepthook) == streams
        """
    )
    lines = screen_of(told)
    assert sum("100 %" in line for line in lines) >= 1
    printed = [line for line in lines if re.fullmatch(r"[xyz] \d", line)]
    assert len(printed) == 15


def test_a_loop_that_the_collector_ends_is_finished_by_the_next_call():
    told = on_terminal(
        """
        import gc
        gc.disable()
        class Node: pass
        node = Node()
        node.self = node
        node.items = store.track(range(4), description="Loading")
        next(node.items), next(node.items)
        del node
        gc.collect()
        assert store.count_artifacts() == 1
        assert (sys.stdout, sys.stderr, sys.excepthook) == streams
        print("behind")
        """
    )
    bar, behind = screen_of(told)
    assert " 25 %  1 / 4" in bar
    assert behind == "behind"


def test_a_loop_that_is_never_ended_gives_the_terminal_back_at_exit():
    told = on_terminal(
        """
        items = store.track(range(4), description="Loading")
        next(items)
        print("behind")
        """
    )
    assert told.endswith("\n")
    assert [line[:7] for line in screen_of(told)] == ["behind", "Loading"]


def test_a_live_display_of_the_caller_is_left_alone():
    told = on_terminal(
        """
        from rich.progress import track
        for n in track(range(2), "theirs"):
            list(store.track(range(3), description="ours"))
            list(store.track(range(3), description="as lines", show=True))
        """
    )
    assert "theirs" in told
    assert "ours" not in told
    assert "as lines: 100 %, 3 / 3, took 0.0 s" in told


@pytest.mark.parametrize("closing", ["sys.stderr.close()", "sys.stderr = None"])
def test_without_standard_error_there_is_no_bar(closing):
    told = on_terminal(
        f"""
        {closing}
        assert list(store.track(range(3))) == [0, 1, 2]
        assert list(store.track(range(3), show=True)) == [0, 1, 2]
        items = store.track(range(3))
        """
    )
    assert told == ""


def test_a_terminal_that_fails_in_between_does_not_stop_the_loop():
    told = on_terminal(
        """
        done = 0
        for n in store.track(range(4), description="Loading"):
            time.sleep(0.12)
            os.close(2)
            os.open(os.devnull, os.O_RDONLY)
            sys.stdout.write("half")
            done += 1
        assert done == 4
        assert (sys.stdout, sys.stderr, sys.excepthook) == streams
        """
    )
    assert "100 %" not in told


# Without a terminal


def test_a_pipe_gets_nothing_unless_it_is_wanted():
    assert on_pipe("list(store.track(range(3), key='load'))") == ""
    assert on_pipe("list(store.track(range(3), key='load', show=False))") == ""
    lines = on_pipe("list(store.track(range(3), key='load', show=True))")
    assert lines == "load: 100 %, 3 / 3, took 0.0 s\n"


def test_lines_of_a_child_are_written_where_they_are_wanted(in_file):
    told = on_terminal(
        """
        child = os.fork()
        if child == 0:
            list(store.track(range(3), description="child", show=True))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        env=in_file,
    )
    assert told == "child: 100 %, 3 / 3, took 0.0 s\n"


NO_RICH = """
    for name in ("rich", "rich.file_proxy", "rich.live", "rich.console"):
        sys.modules[name] = None
"""


def test_without_rich_there_is_no_bar():
    told = on_terminal(
        NO_RICH
        + """
    assert list(store.track(range(3))) == [0, 1, 2]
    try:
        list(store.track(range(3), show=True))
    except ValueError as error:
        print(error)
    assert store.count_artifacts() == 1
        """
    )
    assert told == "show=True draws with rich, which is not installed: run pip install rich.\n"


@pytest.mark.parametrize("show", ["yes", 1, 0, []])
def test_show_is_a_bool_or_none(store: ArtifactStore, show):
    with pytest.raises(InvalidQuery, match="show must be True, False or None, got"):
        store.track([1], show=show)


class Clock:
    """The clock of the displays."""

    now = 0.0

    def monotonic(self):
        return self.now


def test_lines_are_rare(monkeypatch):
    clock, stream = Clock(), io.StringIO()
    monkeypatch.setattr(bar_module, "time", clock)
    monkeypatch.setattr(sys, "stderr", stream)
    display = LineDisplay()
    outer = display.begin("outer", 100)
    for n in range(1, 31):
        inner = display.begin("inner", 1)
        clock.now += 1.0
        inner.end(100.0, 1, None, 1.0)
        inner.tidy()
        outer.draw(n, n, 1.0)
    outer.end(30.0, 30, 1.0, 30.0)
    outer.tidy()
    assert stream.getvalue().splitlines() == [
        "outer: 11 %, 11 / 100, 1/s, about 1 min left",
        "outer: 21 %, 21 / 100, 1/s, about 1 min left",
        "outer: 30 %, 30 / 100, 1/s, took 30 s",
    ]


class Target(io.StringIO):
    """A stream with an encoding."""

    encoding = ""


@pytest.mark.parametrize("width", [1, 5, 20, 40, 80, 140])
@pytest.mark.parametrize("is_unicode", [True, False])
def test_a_line_is_no_wider_than_the_terminal(width, is_unicode):
    from rich.console import Console

    bars = []
    for name, total in [("x" * 50, 5000), ("日本語" * 20, None), ("", 10**12)]:
        bar = Bar(Display(), name, total, is_first=True)
        bar.draw(24.0, 1200, 35.0)
        bars.append(bar)
    target = Target()
    target.encoding = "utf-8" if is_unicode else "ascii"
    Console(file=target, width=width).print(BarLines(bars))
    lines = target.getvalue().splitlines()
    assert len(lines) == 3
    if is_unicode and width == 140:
        assert "about 1 min left" in lines[0]
    assert is_unicode or lines[0].isascii()
