"""The command that publishes an example: four years of weather, from a flow run, read back."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, TypedDict

import click

from ..app import command, given_url, open_store
from ..options import common_options
from ..output.documents import print_json
from ..output.progress import working
from ..output.text import safe
from ..payload import Fields

if TYPE_CHECKING:
    from uuid import UUID

    from artifact_store import Artifact, ArtifactStore

__all__ = ["demo", "run_demo", "story"]

PERIOD = "Seattle, 2012 to 2015"
FLOW = "seattle-weather"
RUN = "seattle-2012-2015"
LAST = "weather/2015-12"  # the key of the last month
WET = 200  # mm in a month

Months = Mapping[str, Sequence["Day"]]  # the days of each month, by key


class Day(TypedDict):
    """The weather of a day, a row of a table; temperatures in °C, precipitation in mm."""

    date: str
    precipitation: float
    temp_max: float
    temp_min: float
    wind: float
    weather: str


class MadeBy(TypedDict):
    """The runs that publish."""

    flow_run_id: UUID
    task_run_id: UUID


class Published(TypedDict):
    """What was published: counts and references."""

    flow_run_id: str
    days: int
    tables: list[str]
    second_version: str
    summary: str
    progress: str


class ReadBack(TypedDict):
    """What was read back."""

    latest: str | None
    latest_metadata: Mapping[str, object]
    keys_of_flow: int
    artifacts_of_flow: int
    wet_months: list[str]


class Report(TypedDict):
    """What the demo did."""

    url: str
    published: Published
    read: ReadBack


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


def run_demo(store: ArtifactStore) -> Report:
    """Publish the weather as a job would, read it back, and return what was done."""
    months = read_months()
    # What belongs together is one block: each commit waits for the disk.
    with store.atomic():
        flow = store.create_flow(FLOW, tags=["demo"])
        run = store.create_flow_run(flow.id, name=RUN, tags=["demo", "noaa"])
        task = store.create_task_run(run.id, name="publish-months")
        store.set_flow_run_state(run.id, "RUNNING")
        store.set_task_run_state(task.id, "RUNNING")
        made_by: MadeBy = {"flow_run_id": run.id, "task_run_id": task.id}
        progress = store.create_artifact(
            key="weather/progress",
            type="progress",
            description="Publishing the weather of Seattle",
            data=0,
            **made_by,
        )

    tables = publish_months(store, months, made_by)
    with store.atomic():
        complete = store.create_artifact(**month_fields(LAST, months[LAST]), **made_by)
        store.update_artifact(progress.id, data=90)
    with store.atomic():
        summary = store.create_artifact(
            key="weather/summary",
            type="markdown",
            description=PERIOD,
            data=summary_markdown(months),
            **made_by,
        )
        store.update_artifact(progress.id, data=100)
        store.set_task_run_state(task.id, "COMPLETED")
        store.set_flow_run_state(run.id, "COMPLETED")

    published: Published = {
        "flow_run_id": str(run.id),
        "days": sum(map(len, months.values())),
        "tables": [table.ref for table in tables],
        "second_version": complete.ref,
        "summary": summary.ref,
        "progress": progress.ref,
    }
    return {"url": store.url, "published": published, "read": read_back(store)}


def publish_months(store: ArtifactStore, months: Months, made_by: MadeBy) -> list[Artifact]:
    """Publish a table for each month, of the last one only the first half."""
    fields = []
    for key, days in months.items():
        shown = days[:15] if key == LAST else days
        fields.append({**month_fields(key, shown), **made_by})
    return store.create_artifacts(fields)


def read_back(store: ArtifactStore) -> ReadBack:
    """Read what a newcomer would look for."""
    from artifact_store import ArtifactCollectionFilter, ArtifactCollectionSort, FlowFilter

    of_flow = FlowFilter(name={"any_": [FLOW]})
    is_wet = ArtifactCollectionFilter(metadata={"ge_": {"precipitation_mm": WET}})
    latest = store.read_latest_artifact(LAST)
    wet = store.read_latest_artifacts(
        artifact_filter=is_wet,
        flow_filter=of_flow,
        sort=ArtifactCollectionSort.KEY_ASC,
    )
    return {
        "latest": latest.ref if latest else None,
        "latest_metadata": (latest.metadata if latest else None) or {},
        "keys_of_flow": store.count_latest_artifacts(flow_filter=of_flow),
        "artifacts_of_flow": store.count_artifacts(flow_filter=of_flow),
        "wet_months": [month_name(each.key or "") for each in wet],
    }


def month_name(key: str) -> str:
    """Return the month of a key."""
    return key.removeprefix("weather/")


def story(report: Report, url: str | None) -> str:
    """Return the report for a person.

    Args:
        report: what the demo did.
        url: the store that the command line named, which the commands at the end then name too.
    """
    published = report["published"]
    read = report["read"]
    tables = published["tables"]
    month = read["latest_metadata"]
    command = "artifact-store"
    if url:
        command += f" --url {shlex.quote(url)}"
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


def read_months() -> Months:
    """Return the days of each month, by key."""
    months: dict[str, list[Day]] = defaultdict(list)
    for day in read_days():
        months[f"weather/{day['date'][:7]}"].append(day)
    return dict(months)


def read_days() -> Iterator[Day]:
    """Yield the days of the file, with dates in ISO 8601."""
    from artifact_store import table_payload

    package = (__package__ or "").partition(".")[0]
    with files(package).joinpath("data/seattle-weather.csv").open("rb") as file:
        days: list[Day] = table_payload(file, profile=False)["data"]
    for day in days:
        day["date"] = day["date"].replace("/", "-")
        yield day


class Figures(TypedDict):
    """What is worth knowing of some days."""

    days: int
    mean_temp_c: float
    precipitation_mm: float


def figures_of(days: Sequence[Day]) -> Figures:
    """Return what is worth knowing of some days."""
    temperatures = sum(day["temp_max"] + day["temp_min"] for day in days)
    precipitation = sum(day["precipitation"] for day in days)
    return {
        "days": len(days),
        "mean_temp_c": round(temperatures / 2 / len(days), 1),
        "precipitation_mm": round(precipitation, 1),
    }


def month_fields(key: str, days: Sequence[Day]) -> Fields:
    """Return the fields of the artifact of a month."""
    from artifact_store import table_payload

    return {
        "key": key,
        "description": f"Weather in Seattle, {days[0]['date']} to {days[-1]['date']}",
        **table_payload(days),
        "metadata": figures_of(days),
    }


def summary_markdown(months: Months) -> str:
    """Return a report in Markdown: a line for each year, and the extremes."""
    every_day = [day for days in months.values() for day in days]
    hottest = max(every_day, key=lambda day: day["temp_max"])
    coldest = min(every_day, key=lambda day: day["temp_min"])
    wettest = max(months, key=lambda key: figures_of(months[key])["precipitation_mm"])
    precipitation = figures_of(months[wettest])["precipitation_mm"]
    lines = [
        "# Weather in Seattle, 2012 to 2015",
        "",
        "| year | days | mean °C | precipitation mm | dry days |",
        "|---|---:|---:|---:|---:|",
        *year_rows(every_day),
        "",
        f"- hottest day: {hottest['date']}, {hottest['temp_max']} °C",
        f"- coldest day: {coldest['date']}, {coldest['temp_min']} °C",
        f"- wettest month: {month_name(wettest)}, {precipitation} mm",
        "",
        "Source: NOAA, public domain.",
        "",
    ]
    return "\n".join(lines)


def year_rows(every_day: Sequence[Day]) -> Iterator[str]:
    """Yield a row of the Markdown table for each year."""
    years: dict[str, list[Day]] = defaultdict(list)
    for day in every_day:
        years[day["date"][:4]].append(day)
    for year, days in years.items():
        figures = figures_of(days)
        dry_days = sum(day["precipitation"] == 0 for day in days)
        cells = [year, *figures.values(), dry_days]
        yield f"| {' | '.join(map(str, cells))} |"
