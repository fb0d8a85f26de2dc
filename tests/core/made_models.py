"""Made-up models for hypothesis: any assembly that the model allows."""

from __future__ import annotations

from hypothesis import strategies as st

from core.application import Application, Artifact, HaPort, Limits, OcfAgent, Output, Probe, Run, Tolerance
from core.bounds import CounterRule, Counters, Crossed, Threshold, ThresholdKind
from core.model import NAME, Assembly, Deployable, Front, FrontKind, HostName, Http, Record, Resolves

names = st.from_regex(NAME, fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
paths = st.sampled_from(["/", "/var", "/opt/a b/ü"])
spans_s = st.floats(0.01, 1e7) | st.integers(1, 10**6).map(float)
ports = st.integers(1, 65535)
counts = st.integers(1, 2**40)
commands = st.lists(texts, min_size=1, max_size=3).map(tuple)
pairs = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


tolerances = st.builds(Tolerance, failures=maybe(st.integers(0, 1000)), window_s=spans_s)
agents = st.builds(OcfAgent, provider=names, type=names, parameters=pairs, check_level=st.sampled_from([0, 10, 20]), root=paths)
runs = st.one_of(
    st.builds(Run, exec=commands), st.builds(Run, systemd=texts), st.builds(Run, ocf=agents), st.builds(Run, lsb=paths)
)  # fmt: skip


@st.composite
def probes(draw: st.DrawFn) -> Probe:
    every_s = draw(spans_s)
    timing = {
        "every_s": every_s,
        "timeout_s": every_s * draw(st.sampled_from([0.5, 1.0])),
        "jitter_s": every_s * draw(st.sampled_from([0.0, 0.25])),
        "rise": draw(st.integers(1, 9)),
        "fall": draw(st.integers(1, 9)),
    }
    match draw(st.sampled_from(["tcp", "http", "command", "file", "process"])):
        case "tcp":
            return Probe(tcp="127.0.0.1:80", send=draw(maybe(texts)), expect=draw(maybe(texts)), **timing)  # type: ignore[arg-type]
        case "http":
            status = tuple(draw(st.lists(st.integers(100, 599), max_size=3)))
            return Probe(http="http://[::1]:80/", status=status, body=draw(maybe(texts)), header=draw(maybe(texts)), **timing)  # type: ignore[arg-type]
        case "command":
            return Probe(command=draw(commands), busy_exits=tuple(draw(st.lists(st.integers(1, 255), max_size=3))), **timing)
        case "file":
            return Probe(file=draw(paths), file_age_s=draw(spans_s), **timing)
        case _:
            return Probe(process=draw(texts), **timing)


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    kind = draw(st.sampled_from(list(ThresholdKind)))
    amount = kind is ThresholdKind.THREADS or (kind in (ThresholdKind.MEMORY, ThresholdKind.OPEN_FILES) and draw(st.booleans()))
    return Threshold(
        kind=kind,
        percent=None if amount else draw(st.floats(0.01, 51200)),
        amount=draw(st.integers(1, 2**50)) if amount else None,
        path=draw(paths) if kind in (ThresholdKind.DISK, ThresholdKind.INODES) else None,
        for_s=draw(spans_s),
        then=draw(st.sampled_from(list(Crossed))),
    )


@st.composite
def rules(draw: st.DrawFn) -> CounterRule:
    at_least = draw(st.integers(-1, 100))
    at_most = draw(st.just(-1) | st.integers(max(at_least, 0), 1000))
    return CounterRule(name=draw(names), at_least=at_least, at_most=at_most, needs=draw(maybe(st.tuples(names, counts))))  # type: ignore[arg-type]


counters = st.builds(Counters, rules=st.lists(rules(), max_size=3).map(tuple), interval_s=st.floats(40, 1e6), file=maybe(paths))


def application(name: str, after: tuple[str, ...]) -> st.SearchStrategy[Application]:
    return st.builds(
        Application,
        name=st.just(name),
        run=runs,
        install=maybe(st.builds(Artifact, source=texts, to=paths)),
        user=maybe(names),
        directory=maybe(paths),
        environment=pairs,
        limits=st.builds(Limits, open_files=maybe(counts), memory_bytes=maybe(counts), processes=maybe(counts)),
        output=st.builds(Output, file=maybe(paths), bytes_max=counts, kept=st.integers(0, 9)),
        ha=maybe(st.builds(HaPort, port=ports, host=texts, log_folder=maybe(paths))),
        probes=st.lists(probes(), max_size=3).map(tuple),
        thresholds=st.lists(thresholds(), max_size=3).map(tuple),
        counters=maybe(counters),
        tolerance=tolerances,
        monitor_every_s=st.floats(0.1, 1e7),
        busy_budget_s=spans_s,
        start_timeout_s=spans_s,
        drain=maybe(commands),
        drain_timeout_s=spans_s,
        stop_timeout_s=spans_s,
        after=st.just(after),
    )


host_names = st.one_of(
    st.builds(HostName, name=names, resolves=st.sampled_from([Resolves.NODE, Resolves.FRONT])),
    st.builds(HostName, name=names, resolves=st.just(Resolves.ADDRESS), address=texts),
    st.builds(HostName, name=names, resolves=st.just(Resolves.FRONT), of=names),
)
https = st.one_of(st.builds(Http, token_file=maybe(paths)), st.builds(Http, certificate=paths, key=paths))


fronts = st.one_of(
    st.builds(Front, kind=st.sampled_from(list(FrontKind)), ports=st.lists(ports, max_size=3).map(tuple)),
    st.builds(
        Front, kind=st.just(FrontKind.DNS), record=st.builds(Record, name=names, ttl_s=st.integers(1, 3600).map(float), zone=maybe(names))
    ),
)


@st.composite
def deployables(draw: st.DrawFn) -> Deployable:
    """With one assembly; each of its applications may wait for those before it."""
    chosen = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    applications = tuple(draw(application(name, tuple(chosen[: draw(st.integers(0, index))]))) for index, name in enumerate(chosen))
    assembly = Assembly(
        name=draw(names),
        image=draw(texts),
        instances=tuple(draw(st.lists(texts, max_size=2))),
        applications=tuple(draw(st.permutations(applications))),
        front=draw(fronts),
        ha_port=draw(ports),
        http_port=draw(ports),
        start_grace_s=draw(spans_s),
        tolerance=draw(tolerances),
        http=draw(https),
        host_names=tuple(draw(st.lists(host_names, max_size=3))),
        depends_on=tuple(draw(st.lists(names, max_size=3))),
        on_address_change=draw(maybe(commands)),  # type: ignore[arg-type]
    )
    return Deployable(name=draw(names), assemblies=(assembly,))
