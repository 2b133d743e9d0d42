"""The command that publishes an example: four years of weather, from a flow run, read back."""

from __future__ import annotations

import shlex
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import click

from ..app import command, given_url, open_store
from ..options import common_options
from ..output.documents import print_json
from ..output.progress import working
from ..output.text import safe

if TYPE_CHECKING:
    from artifact_store import ArtifactStore

__all__ = ["demo", "run_demo", "story"]

PERIOD = "Seattle, 2012 to 2015"
FLOW, RUN, LAST, WET = "seattle-weather", "seattle-2012-2015", "weather/2015-12", 200
Day = dict[str, Any]


@command(examples=["artifact-store demo", "artifact-store --url sqlite:///demo.db demo"])
@common_options
def demo(as_json: bool) -> None:
    """Publish example data: four years of weather.

    Publishes the weather of Seattle from 2012 to 2015 as monthly tables, with a second version of
    one of them, a summary and a progress, all from one flow run, and reads them back. Running it
    again publishes new versions.
    """
    with open_store(create=True) as store, working("Publishing"):
        report = run_demo(store)
    if as_json:
        print_json(report)
    else:
        click.echo(safe(story(report, report["url"] if given_url() else None), keep="\n"))


def run_demo(store: ArtifactStore) -> dict[str, Any]:
    """Publish the weather as a job would, read it back, and return what was done."""
    months = _months()
    # What belongs together is one block: a commit waits for the disk.
    with store.atomic():
        flow = store.create_flow(FLOW, tags=["demo"])
        run = store.create_flow_run(flow.id, name=RUN, tags=["demo", "noaa"])
        task = store.create_task_run(run.id, name="publish-months")
        store.set_flow_run_state(run.id, "RUNNING")
        store.set_task_run_state(task.id, "RUNNING")
        made_by: dict[str, Any] = {"flow_run_id": run.id, "task_run_id": task.id}
        progress = store.create_artifact(
            key="weather/progress",
            type="progress",
            description="Publishing the weather of Seattle",
            data=0,
            **made_by,
        )
    first_half = months[LAST][:15]
    tables = store.create_artifacts(
        _table(key, first_half if key == LAST else days, made_by) for key, days in months.items()
    )
    with store.atomic():
        whole = store.create_artifact(**_table(LAST, months[LAST], made_by))
        store.update_artifact(progress.id, data=90)
    with store.atomic():
        summary = store.create_artifact(
            key="weather/summary",
            type="markdown",
            description=PERIOD,
            data=_summary(months),
            **made_by,
        )
        store.update_artifact(progress.id, data=100)
        store.set_task_run_state(task.id, "COMPLETED")
        store.set_flow_run_state(run.id, "COMPLETED")

    published = {
        "flow_run_id": str(run.id),
        "days": sum(map(len, months.values())),
        "tables": [f"{each.key}@{each.version}" for each in tables],
        "second_version": f"{whole.key}@{whole.version}",
        "summary": f"{summary.key}@{summary.version}",
        "progress": f"{progress.key}@{progress.version}",
    }
    return {"url": store.url, "published": published, "read": _read_back(store)}


def _read_back(store: ArtifactStore) -> dict[str, Any]:
    """Ask the store what a newcomer would ask."""
    from artifact_store import ArtifactCollectionFilter, ArtifactCollectionSort, FlowFilter

    of_flow = FlowFilter(name={"any_": [FLOW]})
    latest = store.read_latest_artifact(LAST)
    wet = store.read_latest_artifacts(
        artifact_filter=ArtifactCollectionFilter(metadata={"ge_": {"precipitation_mm": WET}}),
        flow_filter=of_flow,
        sort=ArtifactCollectionSort.KEY_ASC,
    )
    return {
        "latest": f"{LAST}@{latest.version}" if latest else None,
        "latest_metadata": latest.metadata if latest else None,
        "keys_of_flow": store.count_latest_artifacts(flow_filter=of_flow),
        "artifacts_of_flow": store.count_artifacts(flow_filter=of_flow),
        "wet_months": [(each.key or "").removeprefix("weather/") for each in wet],
    }


def story(report: dict[str, Any], url: str | None) -> str:
    """Return the report for a person; the commands at its end name the store when the command line did."""
    published, read = report["published"], report["read"]
    tables, month = published["tables"], read["latest_metadata"]
    command = f"artifact-store --url {shlex.quote(url)}" if url else "artifact-store"
    return f"""\
Published four years of weather in Seattle, from the flow run {RUN}:
  {len(tables)} tables       {tables[0]} to {tables[-1]}, {published["days"]:,} days
  a new version   {published["second_version"]}: the whole month, after its first 15 days
  a summary       {published["summary"]}, in Markdown
  progress        {published["progress"]}, at 100 %
Read back:
  the latest      {read["latest"]}: {month["days"]} days, {month["mean_temp_c"]} °C, {month["precipitation_mm"]} mm
  of the flow     {read["keys_of_flow"]} keys, {read["artifacts_of_flow"]} artifacts
  {WET} mm or more  {", ".join(read["wet_months"])}
The store is {report["url"]}
Look around:
  {command} ls
  {command} show weather/summary
  {command} show {tables[-1]}
  {command} count --all --flow {FLOW}
  {command} report --open"""


# The data


def _months() -> dict[str, list[Day]]:
    """Return the days of each month, by key."""
    from artifact_store import table_payload

    months: dict[str, list[Day]] = defaultdict(list)
    with (
        files((__package__ or "").partition(".")[0])
        .joinpath("data/seattle-weather.csv")
        .open("rb") as file
    ):
        every: list[Day] = table_payload(file, profile=False)["data"]
    for day in every:
        day["date"] = day["date"].replace("/", "-")
        months[f"weather/{day['date'][:7]}"].append(day)
    return dict(months)


def _table(key: str, days: list[Day], made_by: dict[str, Any]) -> dict[str, Any]:
    from artifact_store import table_payload

    return {
        "key": key,
        "description": f"Weather in Seattle, {days[0]['date']} to {days[-1]['date']}",
        **table_payload(days),
        "metadata": _figures(days),
        **made_by,
    }


def _figures(days: list[Day]) -> dict[str, int | float]:
    """Return what is worth knowing of some days."""
    return {
        "days": len(days),
        "mean_temp_c": round(
            sum(day["temp_max"] + day["temp_min"] for day in days) / 2 / len(days), 1
        ),
        "precipitation_mm": round(sum(day["precipitation"] for day in days), 1),
    }


def _summary(months: dict[str, list[Day]]) -> str:
    """Return a report in Markdown: a line for each year, and the extremes."""
    years: dict[str, list[Day]] = defaultdict(list)
    for days in months.values():
        for day in days:
            years[day["date"][:4]].append(day)
    lines = [
        "# Weather in Seattle, 2012 to 2015",
        "",
        "| year | days | mean °C | precipitation mm | dry days |",
    ]
    lines.append("|---|---:|---:|---:|---:|")
    for year, days in years.items():
        figures, dry = _figures(days), sum(day["precipitation"] == 0 for day in days)
        lines.append(f"| {year} | {' | '.join(map(str, figures.values()))} | {dry} |")
    every = [day for days in months.values() for day in days]
    hottest, coldest = (
        max(every, key=lambda day: day["temp_max"]),
        min(every, key=lambda day: day["temp_min"]),
    )
    wettest = max(months, key=lambda key: _figures(months[key])["precipitation_mm"])
    return "\n".join(
        [
            *lines,
            "",
            f"- hottest day: {hottest['date']}, {hottest['temp_max']} °C",
            f"- coldest day: {coldest['date']}, {coldest['temp_min']} °C",
            f"- wettest month: {wettest.removeprefix('weather/')}, {_figures(months[wettest])['precipitation_mm']} mm",
            "",
            "Source: NOAA, public domain.",
            "",
        ]
    )
