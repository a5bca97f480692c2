"""`tm20tui simulate terminals` and `tm20tui simulate hr`: arguments, status lines, a quiet end."""

from __future__ import annotations

import argparse
import functools
import math
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from tm20tui.locale import _, ngettext, sentence
from tm20tui.simulate.connection import Target
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.fleet import Fleet
from tm20tui.simulate.hr import Fault, HrService, expected_auth, serve_hr
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.stats import FleetStats

STATUS_SECONDS = 5.0
_DRAIN_SECONDS = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the two subcommands; each sets `run`, a function from the parsed arguments to the exit code."""
    commands = parser.add_subparsers(title=_("what to simulate"), metavar=_("COMMAND"), required=True)
    _configure_terminals(
        commands.add_parser(
            "terminals",
            help=_("a fleet of terminals that dial the server"),
            description=_("A fleet of terminals that behave like real firmware and dial the server."),
        )
    )
    _configure_hr(
        commands.add_parser(
            "hr",
            help=_("an HR service that receives attendance"),
            description=_(
                "An HR service in the agreed format, which can be told to fail. "
                "GET /__ledger shows what it holds, POST /__control changes how it fails."
            ),
        )
    )


# ------------------------------------------------------------------ terminals


def _configure_terminals(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--url", type=_url, default="ws://127.0.0.1:7788/", help=_("where they dial (default %(default)s)"))
    add("--count", type=_integer(1, 100_000), default=20, help=_("how many (default %(default)s)"))
    add(
        "--rate",
        type=_number(0, math.inf),
        default=2.0,
        help=_(
            "punches a second over the whole fleet, 'inf' for as fast as acknowledged (default %(default)s)"
        ),
    )
    add("--seed", type=int, help=_("the same people and the same order of punches every time"))
    add(
        "--family",
        action="append",
        choices=sorted(FAMILIES),
        help=_("firmware; repeat for several (default: all, in turn)"),
    )
    add(
        "--duration",
        type=_number(0.001, math.inf),
        metavar=_("SECONDS"),
        help=_("stop after (default: never)"),
    )
    add("--punches", type=_integer(1, 10**9), help=_("stop after this many over the fleet (default: never)"))
    add(
        "--batch",
        type=_integer(1, 1000),
        default=1,
        help=_("records in one live frame (default %(default)s)"),
    )
    add(
        "--offline-share",
        type=_number(0, 0.99),
        default=0.0,
        help=_("share of the time each terminal is away and builds a backlog, 0 to 0.99 (default 0)"),
    )
    add("--users", type=_integer(1, 10_000), default=50, help=_("people on site (default %(default)s)"))
    add(
        "--drift",
        type=_number(0, 10**9),
        default=0.0,
        metavar=_("SECONDS"),
        help=_("how far clocks may be off at first (default 0)"),
    )
    add(
        "--ledger",
        type=Path,
        metavar=_("FILE"),
        help=_("append every punch and acknowledgement to this file"),
    )
    add(
        "--drain",
        type=_number(0, math.inf),
        metavar=_("SECONDS"),
        help=_(
            "at the end wait at most so long until everything is acknowledged "
            "(default {seconds:g} with --punches, else 0)"
        ).format(seconds=_DRAIN_SECONDS),
    )
    add("--ca", type=Path, metavar=_("FILE"), help=_("certificates to trust for wss://"))
    add("--insecure", action="store_true", help=_("accept any certificate for wss://"))
    parser.set_defaults(run=_run_terminals)


def _run_terminals(arguments: argparse.Namespace) -> int:
    try:
        context = _ssl_context(arguments)
        ledger = Ledger(arguments.ledger, keep=False)
    except OSError as error:
        return _refuse(f"{error.filename or arguments.ca}: {error.strerror or error}")
    drain = arguments.drain
    if drain is None:
        drain = 0.0 if arguments.punches is None else _DRAIN_SECONDS
    fleet = Fleet(
        arguments.url,
        count=arguments.count,
        rate=arguments.rate,
        seed=arguments.seed,
        families=arguments.family or tuple(FAMILIES),
        duration=arguments.duration,
        punches=arguments.punches,
        batch=arguments.batch,
        offline_share=arguments.offline_share,
        users=arguments.users,
        drift_seconds=arguments.drift,
        ledger=ledger,
        report=_print_fleet,
        report_seconds=STATUS_SECONDS,
        drain=drain > 0,
        drain_seconds=drain,
        ssl_context=context,
    )
    final: list[FleetStats] = []
    ended: list[bool] = []

    async def live() -> None:
        text = ngettext(
            "{count} terminal dials {url}; Ctrl+C ends it.",
            "{count} terminals dial {url}; Ctrl+C ends them.",
            arguments.count,
        )
        print(text.format(count=arguments.count, url=arguments.url), flush=True)
        try:
            await fleet.run()
            ended.append(True)
        finally:
            final.append(fleet.stats())

    trio.run(_until_told, live)
    ledger.close()
    _print_fleet_summary(final[-1], ledger)
    if final[-1].pending and drain and ended:
        text = _("not everything was acknowledged within {seconds} s: see the server")
        print("  " + text.format(seconds=f"{drain:g}"), flush=True)
        return 1
    if final[-1].pending:
        text = _("what is not acknowledged was not waited for (--drain SECONDS does)")
        print(f"  {text}", flush=True)
    return 0


def _print_fleet(stats: FleetStats) -> None:
    parts = [
        _("{ready}/{all} registered").format(ready=stats.registered, all=stats.terminals),
        _punches(stats.made),
        _acknowledged(stats.acked),
        ngettext("{count} waiting", "{count} waiting", stats.pending).format(count=stats.pending),
    ]
    if stats.ack_p99_seconds is not None:
        milliseconds = f"{stats.ack_p99_seconds * 1000:.1f}"
        parts.append(_("ack p99 {milliseconds} ms").format(milliseconds=milliseconds))
    if stats.resends:
        parts.append(_resent(stats.resends))
    if stats.violations:
        parts.append(_violations(stats.violations))
    line = f"{stats.elapsed_seconds:6.0f} s  {', '.join(parts)}"
    if stats.trouble and stats.registered < stats.terminals:
        line += _("; ") + _("{trouble}, trying again").format(trouble=sentence(stats.trouble))
    print(line, flush=True)


def _print_fleet_summary(stats: FleetStats, ledger: Ledger) -> None:
    seconds = max(stats.elapsed_seconds, 1e-9)
    frames, reconnects, commands = stats.frames, stats.reconnects, stats.commands
    missing = ngettext("{count} not acknowledged", "{count} not acknowledged", stats.pending)
    parts = [
        _punches(stats.made),
        f"{_acknowledged(stats.acked)} ({stats.acked / seconds:.1f}/s)",
        missing.format(count=stats.pending),
        ngettext("{count} frame", "{count} frames", frames).format(count=frames),
        _resent(stats.resends),
        ngettext("{count} reconnection", "{count} reconnections", reconnects).format(count=reconnects),
        ngettext("{count} command", "{count} commands", commands).format(count=commands),
        _violations(stats.violations),
    ]
    ended = _("ended after {seconds} s: {what}")
    print(ended.format(seconds=f"{stats.elapsed_seconds:.1f}", what=", ".join(parts)), flush=True)
    for text, times in ledger.violations.most_common():
        print(f"  {times} x {sentence(text)}", flush=True)
    if stats.trouble and not stats.acked:
        print(f"  {sentence(stats.trouble)}", flush=True)


def _punches(count: int) -> str:
    return ngettext("{count} punch", "{count} punches", count).format(count=count)


def _acknowledged(count: int) -> str:
    return ngettext("{count} acknowledged", "{count} acknowledged", count).format(count=count)


def _resent(count: int) -> str:
    return ngettext("{count} resent", "{count} resent", count).format(count=count)


def _violations(count: int) -> str:
    return ngettext("{count} protocol violation", "{count} protocol violations", count).format(count=count)


def _ssl_context(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if not arguments.url.startswith("wss:"):
        return None
    context = ssl.create_default_context(cafile=arguments.ca)
    if arguments.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


# ------------------------------------------------------------------ hr


def _configure_hr(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--port", type=_integer(0, 65535), default=9000, help=_("0 for any free one (default %(default)s)"))
    add("--host", default="127.0.0.1", help=_("address to listen on (default %(default)s)"))
    add(
        "--fail",
        type=_fault,
        default=Fault.NONE,
        metavar="MODE",
        help=_("one of {choices}").format(choices=", ".join(Fault)),
    )
    add(
        "--fail-share",
        type=_number(0, 1),
        default=0.5,
        help=_("probability that a request fails, 0 to 1 (default %(default)s)"),
    )
    add(
        "--poison-enrollid",
        type=int,
        action="append",
        default=[],
        metavar="ID",
        help=_(
            "refuse every batch with a record of this person; repeat for several (with --fail poison: 13)"
        ),
    )
    add("--retry-after", type=_number(0, 10**6), default=1.0, metavar=_("SECONDS"), help=_("sent with 429"))
    add(
        "--hang",
        type=_number(0.001, 10**6),
        default=3600.0,
        metavar=_("SECONDS"),
        help=_("length of a timeout"),
    )
    add("--token", help=_("expected credential; anything else gets 401 (default: none is asked for)"))
    add("--auth", choices=("bearer", "api_key", "basic"), default="bearer", help=_("how --token is sent"))
    add("--auth-header", help=_("header of an api_key (default X-API-Key)"))
    add(
        "--signing-secret",
        action="append",
        default=[],
        metavar="WHSEC",
        help=_("refuse batches that are not signed with it; repeat for several"),
    )
    add(
        "--tls",
        type=Path,
        metavar=_("FILE"),
        help=_("speak HTTPS with this certificate and key (PEM, one file)"),
    )
    add("--attendance-path", action="append", metavar=_("PATH"), help=_("default /api/v1/attendance"))
    add("--users-path", action="append", metavar=_("PATH"), help=_("default /api/v1/employees"))
    add("--users", type=_integer(0, 100_000), default=50, help=_("employees (default %(default)s)"))
    add("--ledger", type=Path, metavar=_("FILE"), help=_("append every stored record to this file"))
    add("--seed", type=int, help=_("the same employees and the same failures every time"))
    parser.set_defaults(run=_run_hr)


def _run_hr(arguments: argparse.Namespace) -> int:
    poison = arguments.poison_enrollid or ([13] if arguments.fail is Fault.POISON else [])
    header = arguments.auth_header or ("X-API-Key" if arguments.auth == "api_key" else "Authorization")
    try:
        tls = None
        if arguments.tls is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(arguments.tls)
        service = HrService(
            fault=arguments.fail,
            share=arguments.fail_share,
            seed=arguments.seed,
            users=arguments.users,
            auth=expected_auth(arguments.auth, arguments.token) if arguments.token else None,
            auth_header=header,
            poison_enrollids=poison,
            retry_after_seconds=arguments.retry_after,
            hang_seconds=arguments.hang,
            attendance_paths=arguments.attendance_path or ("/api/v1/attendance",),
            users_paths=arguments.users_path or ("/api/v1/employees",),
            ledger=arguments.ledger,
            signing_secrets=arguments.signing_secret,
        )
    except ssl.SSLError as error:
        text = _("--tls {path}: no certificate and key: {why}")
        return _refuse(text.format(path=arguments.tls, why=error.reason or error))
    except OSError as error:
        path = error.filename or arguments.ledger
        return _refuse(f"{path}: {error.strerror}")
    except ValueError as error:
        return _refuse(f"--signing-secret: {error}")
    problem: list[str] = []

    async def live() -> None:
        async with trio.open_nursery() as nursery:
            try:
                serve = functools.partial(serve_hr, service, arguments.host, arguments.port, tls)
                port = await nursery.start(serve)
            except OSError as error:
                text = _("cannot listen on {address}: {why}")
                address = f"{arguments.host}:{arguments.port}"
                problem.append(text.format(address=address, why=error.strerror or error))
                nursery.cancel_scope.cancel()
                return
            scheme = "http" if tls is None else "https"
            text = _("HR service on {url}; Ctrl+C ends it.")
            print(text.format(url=f"{scheme}://{arguments.host}:{port}"), flush=True)
            while True:
                await trio.sleep(STATUS_SECONDS)
                _print_hr(service)

    trio.run(_until_told, live)
    service.close()
    if problem:
        return _refuse(problem[0], code=3)
    _print_hr(service)
    for said in service.violations[:10]:
        print("  " + _("violation: {what}").format(what=sentence(said)), flush=True)
    return 0


def _print_hr(service: HrService) -> None:
    counts = service.counts
    answered = ", ".join(f"{times} x {status}" for status, times in sorted(service.requests.items()))
    unique, replayed, twice = len(service.records), counts["replayed"], counts["delivered_twice"]
    records = ngettext("{count} unique record", "{count} unique records", unique).format(count=unique)
    received = counts["received"]
    parts = [
        ngettext("{records} of {count} received", "{records} of {count} received", received).format(
            records=records, count=received
        ),
        ngettext("{count} replayed", "{count} replayed", replayed).format(count=replayed),
        ngettext("{count} delivered twice", "{count} delivered twice", twice).format(count=twice),
        _violations(counts["violations"]),
    ]
    requests = _("requests: {answered}").format(answered=answered or "0")
    print(f"{', '.join(parts)}{_('; ')}{requests}", flush=True)


# ------------------------------------------------------------------ shared


async def _until_told(live: Callable[[], Awaitable[None]]) -> None:
    """Run `live` until it ends by itself, or SIGINT or SIGTERM arrives."""
    async with trio.open_nursery() as nursery:

        async def listen(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                task_status.started()
                async for _signal in signals:
                    nursery.cancel_scope.cancel()

        await nursery.start(listen)
        await live()
        nursery.cancel_scope.cancel()


def _refuse(text: str, *, code: int = 2) -> int:
    print(text, file=sys.stderr, flush=True)
    return code


def _url(text: str) -> str:
    try:
        Target.from_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(sentence(str(error))) from None
    return text


def _fault(text: str) -> Fault:
    try:
        return Fault(text)
    except ValueError:
        said = _("{text} is not one of {choices}").format(text=repr(text), choices=", ".join(Fault))
        raise argparse.ArgumentTypeError(said) from None


def _integer(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if not lowest <= value <= highest:
            said = _("{text} is not a whole number from {low} to {high}")
            raise argparse.ArgumentTypeError(said.format(text=repr(text), low=lowest, high=highest))
        return value

    return read


def _number(lowest: float, highest: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not lowest <= value <= highest:
            said = _("{text} is not a number of at least {low}")
            if highest < math.inf:
                said = _("{text} is not a number from {low} to {high}")
            low, high = f"{lowest:g}", f"{highest:g}"
            raise argparse.ArgumentTypeError(said.format(text=repr(text), low=low, high=high))
        return value

    return read
