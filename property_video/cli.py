"""The front door for people: `property-video make | estimate | upgrade | orders | edit | films | demo | dev | …`.

Every command gathers, calls one function and prints. Nothing else in the package prints.

Not here: making films (engine), the graph (defs).
"""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from property_video.core.campaign import checked_slug, slug_for_folder
from property_video.core.errors import BadInput, CampaignBusy, PropertyVideoError
from property_video.progress import Bars, Lines
from property_video.settings import PACKAGE, Settings, read_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from property_video.engine.backfilling import Chosen, Wanted
    from property_video.engine.make import Made

SAMPLE = PACKAGE / "sample"
SAMPLE_CAMPAIGN = "villa-solana"

app = typer.Typer(
    help="Marketing films from property photos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

P = ParamSpec("P")

COLLECT_AFTER = 50_000
"""New objects between two garbage collections. Python's 700 let the collector walk through all that importing Dagster
makes again and again: 0.3 CPU seconds of every command."""

Video = Annotated[
    str | None,
    typer.Option(metavar="LADDER", help="Who makes clips, first choice first: replicate:OWNER/MODEL,…,embedded."),
]
Music = Annotated[
    str | None, typer.Option(metavar="LADDER", help="Who makes the track: replicate:OWNER/MODEL,…,embedded.")
]
Choice = Annotated[
    str | None, typer.Option(metavar="LADDER", help="Who chooses photos: xai:MODEL,openai:MODEL,…,embedded.")
]
Dollars = Annotated[
    float | None,
    typer.Option("--budget", metavar="USD", help="The most that hosted models may cost this campaign, in all."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, nothing else.")]


def main() -> None:
    """Run the command line; exit 0 when it worked, 2 for bad input or usage, 1 for anything else."""
    signal.signal(signal.SIGTERM, _interrupt)
    gc.set_threshold(COLLECT_AFTER, 20, 50)
    app()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End on SIGTERM as on Ctrl-C; also where a shell started us with Ctrl-C switched off."""
    raise KeyboardInterrupt


def told(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors into one clear line and the exit code that goes with them."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BadInput as error:
            err.print(f"[bold red]Error:[/] {_plain(error)}")
            raise typer.Exit(2) from error
        except PropertyVideoError as error:
            err.print(f"[bold red]Error:[/] {_plain(error)}")
            err.print("Where to look: `property-video dev` shows the run; `property-video doctor` this machine.")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            err.print("Stopped. The same command goes on where it was.")
            raise typer.Exit(1) from error

    return run


def _plain(error: Exception) -> str:
    from rich.markup import escape

    return escape(" ".join(str(error).split()))


@app.command()
@told
def make(
    photos_dir: Annotated[Path, typer.Argument(help="Folder with the listing's photos; it is only read.")],
    campaign: Annotated[
        str | None, typer.Option(help="The campaign's name; else it follows from the folder's.")
    ] = None,
    storyboard: Annotated[
        str | None, typer.Option(help="luxury_property or luxury_lodging; stays until edited.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Varies moves and music; stays until edited.")] = None,
    video: Video = None,
    music: Music = None,
    choice: Choice = None,
    budget: Dollars = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="Copy the film here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a film from a folder of photos. Ladders and budget stay until edited; `estimate` tells the price first."""
    settings = read_settings()
    name = checked_slug(campaign) if campaign else _campaign_for(settings, photos_dir)
    chosen = _named(storyboard=storyboard, seed=seed, video=video, music=music, choice=choice, budget_usd=budget)

    def work(instance: "DagsterInstance", progress: Bars | Lines, tell: Callable[[str], None]) -> "Made":
        from property_video.engine.make import make_film

        return make_film(
            settings,
            instance,
            photos_dir.expanduser(),
            name,
            launch=chosen,
            progress=progress,
            on_wait=lambda holder: tell(f"{name} is held by {holder}; waiting for it."),
            say=tell,
        )

    _run(settings, work, out_file, as_json)


@app.command()
@told
def estimate(
    photos_dir: Annotated[Path, typer.Argument(help="Folder with the listing's photos; it is only read.")],
    campaign: Annotated[str | None, typer.Option(help="The campaign's name, as for make.")] = None,
    storyboard: Annotated[str | None, typer.Option(help="luxury_property or luxury_lodging.")] = None,
    video: Video = None,
    music: Music = None,
    choice: Choice = None,
    budget: Dollars = None,
    as_json: AsJson = False,
) -> None:
    """Say what a film would cost, call by call, before a cent is spent. Pairs are chosen by the embedded rules."""
    from property_video.engine.estimating import estimate_film
    from property_video.engine.home import prepare_home

    settings = read_settings()
    name = checked_slug(campaign) if campaign else _campaign_for(settings, photos_dir)
    chosen = _named(storyboard=storyboard, video=video, music=music, choice=choice, budget_usd=budget)
    prepare_home(settings)
    with _progress(err) as progress:
        found = estimate_film(settings, photos_dir.expanduser(), name, chosen, progress=progress)
    if as_json:
        sys.stdout.write(found.model_dump_json() + "\n")
        return
    table = Table(title=f"{name}: what a film would cost", title_justify="left")
    for column in ("piece", "first choice", "state", "what", "seconds", "estimate", "not asked"):
        table.add_column(column, overflow="fold")
    for row in found.rows:
        seconds = f"{row.seconds:g}" if row.seconds else ""
        price = _dollars(row.estimate_usd)
        _add_row(table, row.piece, row.provider, row.state, row.detail, seconds, price, row.passed_over)
    _wide().print(table)
    out.print(f"Estimate: {_dollars(found.estimate_usd)} if every first choice delivers; spent nothing.")
    if found.spent_usd:
        out.print(f"Spent so far: {_dollars(found.spent_usd)}")
    if found.budget_usd is not None:
        over = found.spent_usd + found.estimate_usd > found.budget_usd
        out.print(
            f"Budget: {_dollars(found.budget_usd)}" + (": too small, some pieces will be embedded" if over else "")
        )
    elif found.estimate_usd:
        out.print("Budget: none named; `make` needs --budget, or budget_usd in the brief.")


@app.command()
@told
def upgrade(
    campaign: Annotated[str, typer.Argument(help="The campaign; its film is finished.")],
    scenes: Annotated[str | None, typer.Option(metavar="1,7", help="Numbers of the scenes to buy.")] = None,
    video: Video = None,
    music: Music = None,
    budget: Dollars = None,
    fallen: Annotated[
        bool, typer.Option("--fallen", help="Ask again for what the embedded provider stands in for.")
    ] = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Copy the film here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have hosted models make pieces of a finished film, and only those. Old takes stay."""
    settings, name = read_settings(), checked_slug(campaign)
    numbers = _scene_numbers(scenes)

    def work(instance: "DagsterInstance", progress: Bars | Lines, tell: Callable[[str], None]) -> "Made":
        from property_video.engine.upgrading import Upgrade, upgrade_film

        return upgrade_film(
            settings,
            instance,
            name,
            Upgrade(numbers, video, music, budget, fallen),
            progress=progress,
            on_wait=lambda holder: tell(f"{name} is held by {holder}; waiting for it."),
            say=tell,
        )

    _run(settings, work, out_file, as_json)


def _scene_numbers(text: str | None) -> tuple[int, ...]:
    """The numbers in "1,7"."""
    words = [word.strip().removeprefix("scene_") for word in (text or "").split(",") if word.strip()]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise BadInput(f"--scenes {text} is no list of numbers.", "Write --scenes 1,7.")
    return tuple(dict.fromkeys(map(int, words)))


@app.command()
@told
def orders(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the journal itself, an event a line, nothing else.")
    ] = False,
) -> None:
    """Show what a campaign has ordered of hosted models, what became of it and what it cost."""
    from property_video.engine.accounts import journal_lines, read_accounts

    settings, name = read_settings(), checked_slug(campaign)
    if as_json:
        for event in journal_lines(settings, name):
            sys.stdout.write(event + "\n")
        return
    found = read_accounts(settings, name)
    if not found.orders:
        out.print("Nothing was ever ordered of hosted models.")
        return
    table = Table(title=f"{name}: orders", title_justify="left")
    for column in ("piece", "provider", "state", "attempts", "cost", "begun (UTC)", "seconds", "prediction", "fell"):
        table.add_column(column, overflow="fold")
    for line in found.orders:
        _add_row(
            table,
            line.piece,
            line.provider,
            line.state,
            str(line.attempts),
            _dollars(line.cost_usd),
            f"{line.begun:%Y-%m-%d %H:%M:%S}" if line.begun else "",
            f"{line.seconds:.0f}" if line.seconds is not None else "",
            line.prediction,
            " ".join(line.fell),
        )
    _wide().print(table)
    budget = f" of a budget of {_dollars(found.budget_usd)}" if found.budget_usd is not None else ""
    held = f"; {_dollars(found.held_usd)} held" if found.held_usd else ""
    out.print(f"Spent: {_dollars(found.spent_usd)}{budget}{held}")


@app.command()
@told
def demo(
    out_file: Annotated[Path | None, typer.Option("--out", help="Copy the film here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the film of the sample listing."""
    make(SAMPLE, campaign=SAMPLE_CAMPAIGN, out_file=out_file, as_json=as_json)


def _named(**values: str | float | None) -> dict[str, str | int | float]:
    """The options that were named."""
    return {key: value for key, value in values.items() if value is not None}


def _dollars(amount: float) -> str:
    """Whole cents where it is, else a hundredth of one: "$0.35", "$0.0098"."""
    cents = f"{amount:.4f}"
    return f"${cents.removesuffix('00')}"


def _wide() -> Console:
    """For tables: the terminal, or a wide page where there is none."""
    return out if out.is_terminal else Console(width=200, highlight=False)


def _campaign_for(settings: Settings, folder: Path) -> str:
    """The campaign that a folder's name tells; another folder of the same name gets a name of its own."""
    from hashlib import sha256

    from property_video.intake.sources import named_source
    from property_video.intake.uploads import open_uploads
    from property_video.store.opening import open_store

    whole = folder.expanduser().resolve()
    uploads = open_uploads(settings.uploads)
    if uploads.name_of(str(whole)):
        return checked_slug(whole.name)
    name = slug_for_folder(whole.parts[1:])
    known = named_source(open_store(settings.store), name)
    if known in {None, str(whole)} and not uploads.has(name):
        return name
    return f"{name[:56]}-{sha256(str(whole).encode()).hexdigest()[:6]}"


def _run(
    settings: Settings,
    work: "Callable[[DagsterInstance, Bars | Lines, Callable[[str], None]], Made]",
    out_file: Path | None,
    as_json: bool,
) -> None:
    """Have a film made, copy it and tell of it."""
    from property_video.engine.home import opened_instance

    target = _checked_out(out_file)
    # With --json, stdout carries the object alone.
    console = err if as_json else out
    with opened_instance(settings) as instance, _progress(console) as progress:
        made = work(instance, progress, lambda line: console.print(line, markup=False))
    summary = dict(made.summary)
    if target is not None:
        _copy(made.path, target)
        summary["film"] = str(target)
    if as_json:
        sys.stdout.write(json.dumps(summary, ensure_ascii=False) + "\n")
        return
    _tell(summary)


def _checked_out(file: Path | None) -> Path | None:
    """Where to copy the film, found to be possible before the work begins."""
    if file is None:
        return None
    target = file.expanduser().absolute()
    if target.is_dir():
        raise BadInput(f"--out {target} is a folder.", "Name a file, such as film.mp4.")
    if not target.parent.is_dir():
        raise BadInput(f"--out {target}: there is no folder {target.parent}.", "Make it first.")
    if not os.access(target.parent, os.W_OK):
        raise BadInput(f"--out {target}: {target.parent} cannot be written.", "Name a file in another folder.")
    return target


def _copy(film: Path, target: Path) -> None:
    import shutil

    from property_video.files import written_whole

    with written_whole(target) as partial:
        shutil.copyfile(film, partial)


@contextmanager
def _progress(console: Console) -> Iterator[Bars | Lines]:
    if console.is_terminal:
        with Bars(console) as bars:
            yield bars
    else:
        yield Lines(console)


def _add_row(table: Table, *cells: str) -> None:
    """Add cells as they are: a photo or a client may be named with square brackets, which are rich's markup."""
    table.add_row(*map(Text, cells))


def _tell(summary: dict[str, Any]) -> None:
    table = Table(title=f"{summary['campaign']}: {summary['duration_s']:.0f} s", title_justify="left")
    for column in ("scene", "title", "first", "last", "confidence", "made by", "cost", "why"):
        table.add_column(column, overflow="fold")
    for scene in summary["scenes"]:
        if scene["left_out"] and not scene["title"]:
            continue
        _add_row(
            table,
            scene["scene"].removeprefix("scene_"),
            scene["title"],
            scene["first"] or "left out",
            scene["last"] or "",
            f"{scene['confidence']:.0%}" if scene["first"] else "",
            scene["provider"] or "",
            _dollars(scene["cost_usd"]) if scene["first"] else "",
            scene["left_out"] or " ".join(scene["reasons"]),
        )
    _wide().print(table)
    pieces = [(scene["scene"], scene) for scene in summary["scenes"]] + [("audio_track", summary["music"])]
    pieces += [(f"choice of {choice['stage']}", choice) for choice in summary["choice"]]
    for name, piece in pieces:
        for reason in piece["fell"]:
            out.print(f"Fell: {name}: {reason}", markup=False)
    for each in summary["rejected"]:
        out.print(f"Not used: {each['file']} {each['reason']} {each['remedy']}", markup=False)
    for advice in summary["advice"]:
        out.print(f"For a better film: {advice}", markup=False)
    if summary["reused"]:
        out.print(f"Found, not made again: {', '.join(summary['reused'])}")
    now = f", of which now: {_dollars(summary['spent_usd'])}" if summary["cost_usd"] else ""
    out.print(f"Cost: {_dollars(summary['cost_usd'])}{now}")
    out.print(f"Film: {summary['film']}", markup=False)


@app.command()
@told
def dev(
    port: Annotated[int, typer.Option(help="Port of the UI on this machine.")] = 3000,
) -> None:
    """Start the Dagster UI, the sensor on uploads/ and the media server; Ctrl-C stops all of them."""
    from property_video.engine.home import opened_instance, shipped
    from property_video.engine.media_server import serving
    from property_video.engine.reaper import reap_dead_runs
    from property_video.store.opening import open_store

    settings = read_settings()
    store = open_store(settings.store)
    with opened_instance(settings) as instance:
        reap_dead_runs(instance)
    store.sweep_scratch()
    with serving(store, settings.media_port):
        out.print(f"UI:      http://127.0.0.1:{port}")
        out.print(f"Films:   {settings.media_url}/films/<campaign>")
        out.print(f"Uploads: drop a campaign's folder into {settings.uploads}", markup=False)
        # A shell that starts us in the background switches Ctrl-C off for us and, unless undone, for Dagster's servers.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-w", str(shipped("workspace.yaml"))]
        child = subprocess.Popen([*command, "-h", "127.0.0.1", "-p", str(port)])  # noqa: S603 - our own words
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.terminate()  # a terminal told the child as well, a lone signal did not
            child.wait(timeout=60)
            raise
    if code:
        raise PropertyVideoError(f"Dagster ended with code {code}.", "Its lines above say why.")


@app.command()
@told
def edit(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    scene: Annotated[str | None, typer.Argument(help="scene_1 to scene_7; left out: the whole film.")] = None,
    first: Annotated[str | None, typer.Option(help="The scene's first photo.")] = None,
    last: Annotated[str | None, typer.Option(help="The scene's last photo.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another take of the move; of all moves for the whole film.")] = None,
    move: Annotated[str | None, typer.Option(help="Another camera move.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Another length of the scene.")] = None,
    storyboard: Annotated[str | None, typer.Option(help="Another storyboard, for the whole film.")] = None,
    mood: Annotated[str | None, typer.Option(help="Another mood of the music, for the whole film.")] = None,
    video: Annotated[
        str | None, typer.Option(metavar="LADDER", help="Who makes the scene's clip, or all clips.")
    ] = None,
    music: Annotated[str | None, typer.Option(metavar="LADDER", help="Who makes the film's track.")] = None,
    choice: Annotated[str | None, typer.Option(metavar="LADDER", help="Who chooses the film's photos.")] = None,
    budget: Dollars = None,
    take: Annotated[
        str | None,
        typer.Option(metavar="FINGERPRINT", help="Show an old take again, for $0.00; '' lets it go. See --takes."),
    ] = None,
    takes: Annotated[bool, typer.Option("--takes", help="List the scene's takes; change nothing.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Take all edits back.")] = False,
) -> None:
    """Change a campaign for good: a scene's photos, move, length, seed, maker or take. Every later run keeps it."""
    from property_video.engine.editing import keep_edit

    settings = read_settings()
    if takes:
        _list_takes(settings, checked_slug(campaign), scene or "")
        return
    told_values = _named(
        first=first,
        last=last,
        seed=seed,
        move=move,
        seconds=seconds,
        storyboard=storyboard,
        mood=mood,
        video=video,
        music=music,
        choice=choice,
        budget_usd=budget,
        take=take,
    )
    if not told_values and not reset:
        raise BadInput(
            "Nothing to change.",
            "Name --first, --last, --seed, --move, --seconds, --storyboard, --mood, --video, --music, --choice, "
            "--budget, --take or --reset.",
        )
    kept = keep_edit(settings, checked_slug(campaign), scene, told_values, reset)
    out.print("Kept." if kept.changed else "It stood like that already.")
    standing = kept.edits.model_dump(mode="json", exclude_none=True)
    out.print(f"Edits of {campaign}: {json.dumps(standing)}", markup=False)
    out.print(f"To see it: {kept.next_step}", markup=False)


def _list_takes(settings: Settings, campaign: str, scene: str) -> None:
    from property_video.engine.editing import list_takes

    table = Table(title=f"{campaign}, {scene}: takes", title_justify="left")
    for column in ("take", "made by", "first", "last", "move", "seconds", "in the film"):
        table.add_column(column, overflow="fold")
    for take in list_takes(settings, campaign, scene):
        shown = "yes" if take.shown else ""
        _add_row(table, take.fingerprint, take.provider, take.first, take.last, take.move, f"{take.seconds:g}", shown)
    _wide().print(table)


@app.command(name="log")
@told
def show_log(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    run: Annotated[str | None, typer.Option(metavar="ID", help="One run only; its first characters suffice.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object a line, nothing else.")] = False,
) -> None:
    """Tell one campaign's story: runs, steps, who made what, in what time, at what price, and what went wrong."""
    from property_video.engine.home import opened_instance
    from property_video.engine.log_lines import in_json
    from property_video.engine.story import read_story
    from property_video.store.opening import open_store

    settings, name = read_settings(), checked_slug(campaign)
    with opened_instance(settings) as instance:
        story = read_story(instance, open_store(settings.store), name)
    for line in story:
        if run is not None and not line.run.startswith(run):
            continue
        if as_json:
            sys.stdout.write(in_json(line) + "\n")
            continue
        took = f"in {line.duration_s:.1f} s" if line.duration_s is not None else ""
        by = f"by {line.provider}" if line.provider else ""
        cost = _dollars(line.cost_usd) if line.cost_usd else ""
        place = line.scene if line.stage == "order" else line.stage
        told = " ".join(word for word in (line.event, by, took, cost, line.message) if word)
        style = {"error": "red", "warning": "yellow"}.get(line.level, "")
        out.print(Text(f"{line.at:%Y-%m-%d %H:%M:%S}  {line.run[:8]:8}  {place:15}  {told}", style=style))


@app.command()
@told
def backfill(
    campaign: Annotated[list[str] | None, typer.Option(help="This campaign; may be named several times.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All campaigns that have a film.")] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="Those whose film would be another one now: code, models or storyboard.")
    ] = False,
    client: Annotated[str, typer.Option(help="Only campaigns of this client.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only campaigns whose film was made on that day or later."),
    ] = None,
    only: Annotated[str, typer.Option(metavar="SCENE", help="Make this scene alone, and the film follow.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which and why; start nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, though hosted models may cost money.")] = False,
    pause: Annotated[str, typer.Option(metavar="ID", help="Stop a backfill; what it has finished is kept.")] = "",
    resume: Annotated[str, typer.Option(metavar="ID", help="Go on with one that was paused or has failures.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show the last backfills.")] = False,
) -> None:
    """Make films of many campaigns again, behind whatever arrives; what is unchanged is found, for $0.00."""
    from property_video.engine import backfilling as backfills
    from property_video.engine.home import opened_instance

    settings = read_settings()
    wanted = backfills.Wanted(tuple(campaign or ()), client, since.date() if since else None, stale)
    asked = [word for word, said in (("--pause", pause), ("--resume", resume), ("--list", listed)) if said]
    if len(asked) + bool(campaign or every or stale) != 1 or (campaign and every):
        raise BadInput("Say what to do.", "One of --campaign, --all, --stale, --pause, --resume or --list.")
    with opened_instance(settings) as instance:
        if listed:
            for each in backfills.backfills(settings, instance):
                out.print(f"{each}  {each.title}", markup=False)
            return
        if pause:
            backfills.pause(instance, pause)
            out.print(f"Paused. To go on: property-video backfill --resume {pause}", markup=False)
            return
        if resume:
            started = backfills.resume(settings, instance, resume, time.time())
            if started is None:
                out.print("All its campaigns are done.")
                return
        else:
            chosen = _chosen_for_backfill(settings, wanted)
            if dry_run or not chosen.campaigns:
                return
            if chosen.estimate_usd and not yes:
                typer.confirm("Begin?", abort=True)
            started = backfills.launch(settings, instance, chosen.campaigns, time.time(), only=only)
        out.print(f"It is done by `property-video dev`. To pause: property-video backfill --pause {started}")
        over = backfills.follow(settings, instance, started, lambda now: out.print(str(now), markup=False), time.sleep)
    if over.is_paused:
        out.print(f"To go on: property-video backfill --resume {started}", markup=False)
    elif over.done < over.total:
        raise PropertyVideoError(f"{over.total - over.done} of {over.total} campaigns have no new film.")


def _chosen_for_backfill(settings: Settings, wanted: "Wanted") -> "Chosen":
    """Choose the campaigns of a backfill and say which, why, and what that may cost."""
    from property_video.engine.backfilling import choose

    with _progress(err) as progress:
        chosen = choose(settings, wanted, lambda done, total: progress("comparing", done, total))
    for name in chosen.campaigns:
        out.print(f"{name}: {', '.join(chosen.why.get(name, ())) or 'unchanged'}", markup=False)
    for name, why in chosen.cannot.items():
        err.print(f"{name} cannot be made: {why}", markup=False)
    price = f"at most {_dollars(chosen.estimate_usd)} if every first choice delivers"
    out.print(f"{len(chosen.campaigns)} campaigns; hosted models: {price if chosen.estimate_usd else '$0.00'}.")
    return chosen


@app.command()
@told
def films() -> None:
    """List the films there are."""
    from property_video.core.outputs import Film
    from property_video.store import keys
    from property_video.store.opening import open_store

    store = open_store(read_settings().store)
    records = [store.read(key, Film) for key in store.keys("records/final_video")]
    if not any(records):
        out.print("No film yet. `property-video demo` makes one.")
        return
    table = Table()
    for column in ("campaign", "client", "title", "scenes", "seconds", "MB", "cost", "film"):
        table.add_column(column, overflow="fold")
    for film in records:
        if film is not None:
            _add_row(
                table,
                film.campaign,
                film.client,
                film.title,
                str(sum(clip.take is not None for clip in film.scenes)),
                f"{film.duration_s:.0f}",
                f"{film.media.bytes / 1e6:.1f}",
                _dollars(film.cost_usd),
                store.address(keys.film(film.campaign)),
            )
    _wide().print(table)


@app.command()
@told
def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Compare hosted models with what their provider publishes today.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is safe to mend in the store and the run history.")
    ] = False,
) -> None:
    """Check this machine, the store, the journal and the run history. Exit 1 when something is not as it should be."""
    from property_video.engine.checkup import examine, examine_models

    settings = read_settings()
    findings = [*examine(settings), *(examine_models(settings) if live else ())]
    table = Table(show_header=False)
    for finding in findings:
        wrong = ("STOPS FILMS", "bold red") if finding.stops_films else ("HAS CHANGED", "bold yellow")
        verdict = Text("ok", style="green") if finding.fine else Text(wrong[0], style=wrong[1])
        table.add_row(verdict, finding.what, Text(finding.found))
    _wide().print(table)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)
    if _flaws_left(settings, repair):
        raise typer.Exit(1)


def _flaws_left(settings: Settings, repair: bool) -> bool:
    """Tell what is not as it should be in what is recorded, and mend it; whether something of it stays so."""
    from property_video.engine.home import CONFIG, opened_instance
    from property_video.engine.repair import find_flaws
    from property_video.store.opening import open_store

    store, left = open_store(settings.store), False
    with opened_instance(settings) if (settings.home / CONFIG).is_file() else nullcontext() as instance:
        for flaw in find_flaws(store, instance):
            told_how = "people must decide" if flaw.mend is None else "`property-video doctor --repair` mends it"
            mended = False
            if repair and flaw.mend is not None:
                try:
                    told_how, mended = flaw.mend(), True
                except CampaignBusy as busy:
                    told_how = str(busy)
            out.print(f"{flaw.where}: {flaw.what}: {told_how}", markup=False)
            left = left or not mended
    return left


@app.command()
@told
def delete(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a campaign: its uploads, photos, clips, films, records and runs. What was paid stays, without its name."""
    from property_video.engine.deleting import delete_campaign, estate_of
    from property_video.engine.home import opened_instance

    settings, name = read_settings(), checked_slug(campaign)
    with opened_instance(settings) as instance:
        estate = estate_of(settings, instance, name)
        uploads = f", and the folder {estate.address} with its photos" if estate.address else ""
        out.print(f"{name}: {len(estate.files)} records, {len(estate.runs)} runs{uploads}.", markup=False)
        if not yes:
            typer.confirm("Delete all of it for good?", abort=True)
        deleted = delete_campaign(settings, instance, name)
    out.print(f"Deleted {len(estate.files)} records, {len(estate.runs)} runs, {deleted.uploaded_files} uploaded files.")
    if deleted.pruned is None:
        out.print("A film is being made: photos and clips in the store go with the next `property-video prune`.")
    else:
        freed = deleted.pruned.bytes / 1e6
        out.print(f"Removed {deleted.pruned.media} media files that nothing else needs: {freed:.1f} MB.")
    if estate.spent:
        from property_video.core.money import in_usd

        out.print(f"Kept: what was paid, {_dollars(in_usd(estate.spent))}, without the campaign's name.")


@app.command()
@told
def prune(
    keep: Annotated[int, typer.Option(min=1, help="Films to keep of every campaign; the last one always stays.")] = 3,
) -> None:
    """Remove old films, and media that nothing needs any more. Takes of scenes stay."""
    from property_video.store.opening import open_store
    from property_video.store.pruning import prune as prune_store

    pruned = prune_store(open_store(read_settings().store), keep)
    out.print(f"Removed {pruned.films} films and {pruned.media} media files: {pruned.bytes / 1e6:.1f} MB.")


class Subject(StrEnum):
    """What `bench` measures."""

    FILM = "film"
    SCALE = "scale"


@app.command()
@told
def bench(
    subject: Annotated[
        Subject, typer.Argument(help="film: one film, against its peers; scale: what many campaigns cost.")
    ] = Subject.FILM,
    out_file: Annotated[Path, typer.Option("--out", help="Write all numbers here, as JSON.")] = Path("bench.json"),
    quick: Annotated[bool, typer.Option("--quick", help="A fraction of the work: plausible, not exact.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="How often a film; 3, or 1 with --quick.")] = None,
) -> None:
    """Measure speed and memory on this machine: one film against x264 and MoviePy, or many campaigns. Takes minutes."""
    target = _checked_out(out_file)
    assert target is not None
    if subject is Subject.FILM:
        _bench_film(target, quick, rounds)
    else:
        _bench_scale(target, quick)
    out.print(f"Numbers: {target}", markup=False)


def _bench_film(target: Path, quick: bool, rounds: int | None) -> None:
    from property_video.bench.contest import ROUNDS, measure
    from property_video.bench.figures import costs, figures, shares
    from property_video.bench.report import cost_table, figure_table, machine, share_table, write_json

    many, on = rounds or (1 if quick else ROUNDS), machine()
    measured = measure(rounds=many, quick=quick, photos=SAMPLE, tell=lambda what: err.print(f"{what} …", markup=False))
    write_json(measured, on, target)
    _wide().print(figure_table(figures(measured), many))
    _wide().print(cost_table(costs(measured)), share_table(shares(measured)))


def _bench_scale(target: Path, quick: bool) -> None:
    from property_video.bench.report import machine
    from property_video.bench.scale import measure, table, write_json

    on = machine()
    rows = measure(quick=quick, tell=lambda what: err.print(f"{what} …", markup=False))
    write_json(rows, on, target)
    _wide().print(table(rows))


if __name__ == "__main__":
    main()
