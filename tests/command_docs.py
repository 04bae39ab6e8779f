"""Write every command with its options into docs/reference/commands.md, from typer's command tree; `make command-docs` does it.

Each part stands between comments `<!-- commands: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pipeline.base.stage_names import ALL, STAGES
from pipeline.cli.console import PROGRAM, commands
from tests.project import ROOT

PAGE = ROOT / "docs" / "reference" / "commands.md"
_PART = re.compile(r"(<!-- commands: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_DEFAULT = re.compile(r" \(default: (.*)\)\.$")
# What one types, and places: an option, a path, an address, a variable.
_CODE = re.compile(r"`[^`]+`|(?<![\w`])(?:--[a-z][\w-]*(?: \w+\.\w+=\w+)?|[\w:.]*/(?:[\w/.:]*[\w/])?|RAY_\w+)")
_RUN, _STAGE, _STAGES = "run", "run STAGE", "#stages"


class Option(NamedTuple):
    """Hold a row of a table: an argument or an option of a command."""

    called: str
    meaning: str
    default: str


class Entry(NamedTuple):
    """Hold one command as the page shows it."""

    name: str
    group: str
    about: str
    example: str
    arguments: tuple[str, ...]
    options: tuple[Option, ...]


def parts() -> dict[str, str]:
    """Return the Markdown of each part by its name."""
    program = get_command(commands())
    assert isinstance(program, TyperGroup)
    entries, stages = list(_entries(program)), _stages(program)
    shared = _shared([*entries, _any_stage(stages)])
    return {
        "overview": _overview(program, entries),
        "each": "\n".join(_group(group, entries, shared) for group in dict.fromkeys(each.group for each in entries)),
        "shared options": _table(
            ("argument, option", "meaning", "default", "of"),
            ((*option, ", ".join(f"`{name}`" for name in names)) for option, names in shared.items()),
        ),
        "stages": _of_stages(stages, shared),
    }


def with_parts(text: str) -> str:
    """Return a page with each part as the commands are.

    Raises:
        KeyError: the page has a part that there is none of.
    """
    made = parts()
    return _PART.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n{found[3]}", text)


def _entries(program: TyperGroup) -> Iterator[Entry]:
    """Yield the commands in the order of the help, of the stages `run all` alone."""
    for name in program.list_commands(_context(program)):
        command = program.commands[name]
        if isinstance(command, TyperGroup):
            yield _entry(f"{_RUN} {ALL}", command.commands[ALL], command.rich_help_panel)
        else:
            yield _entry(name, command, command.rich_help_panel)


def _stages(program: TyperGroup) -> list[Entry]:
    run = program.commands[_RUN]
    assert isinstance(run, TyperGroup)
    return [_entry(stage, run.commands[stage], "") for stage in STAGES]


def _any_stage(stages: list[Entry]) -> Entry:
    return Entry(_STAGE, "", "", "", (), tuple(_options_of_all(stages)))


def _entry(name: str, command: Any, group: str) -> Entry:
    parameters = _parameters(command)
    return Entry(
        name=name,
        group=group,
        about=re.sub(r"(?<!\n)\n(?!\n)", " ", command.help),
        example=command.epilog.removeprefix("Example: "),
        arguments=tuple(each.metavar for each in parameters if each.param_type_name == "argument"),
        options=tuple(_option(each) for each in parameters),
    )


def _parameters(command: TyperCommand) -> list[Any]:
    return [each for each in command.get_params(_context(command)) if not each.hidden and "--help" not in each.opts]


def _context(command: Any) -> Any:
    return command.make_context("", [], resilient_parsing=True)


def _option(parameter: Any) -> Option:
    names = "`, `".join(parameter.opts) if parameter.param_type_name == "option" else ""
    called = f"`{_cell(f'{names} {parameter.metavar}'.strip())}`"
    told = _DEFAULT.search(parameter.help)
    meaning = _DEFAULT.sub(".", parameter.help)
    if parameter.required:
        default = "must be given"
    elif told is not None:
        default = _coded(told[1])
    elif parameter.default in (None, False):
        default = "off" if parameter.is_flag else "none"
    else:
        default = f"`{parameter.default}`"
    return Option(called, _coded(meaning), default)


def _shared(entries: list[Entry]) -> dict[Option, list[str]]:
    """Return the options that several commands take, with the names of these."""
    takers: dict[Option, list[str]] = {}
    for entry in entries:
        for option in entry.options:
            takers.setdefault(option, []).append(entry.name)
    return {option: names for option, names in takers.items() if len(names) > 1}


def _overview(program: TyperGroup, entries: list[Entry]) -> str:
    rows: list[tuple[str, ...]] = []
    for group in dict.fromkeys(each.group for each in entries):
        rows.append((f"**{group}**", ""))
        for entry in (each for each in entries if each.group == group):
            rows.append((f"[`{_cell(_usage(entry))}`](#{_anchor(entry)})", _coded(_first(entry.about))))
            if entry.name == f"{_RUN} {ALL}":
                rows.append(
                    (f"[`{PROGRAM} {_STAGE}`]({_STAGES})", f"Run one stage: {', '.join(map('`{}`'.format, STAGES))}.")
                )
    rows.append(("**The program itself**", ""))
    rows += [(f"`{PROGRAM} {each.opts[0]}`", each.help) for each in _parameters(program)]
    return _table(("command", "does"), rows)


def _usage(entry: Entry) -> str:
    return " ".join([PROGRAM, entry.name, *entry.arguments])


def _anchor(entry: Entry) -> str:
    return re.sub(r"[^\w\- ]", "", _usage(entry).lower()).replace(" ", "-")


def _first(about: str) -> str:
    return about.partition("\n\n")[0]


def _group(group: str, entries: list[Entry], shared: Iterable[Option]) -> str:
    return f"## {group}\n\n" + "\n".join(_section(each, shared) for each in entries if each.group == group)


def _section(entry: Entry, shared: Iterable[Option]) -> str:
    own = [option for option in entry.options if option not in shared]
    what = "argument, option" if any(option.called[1] != "-" for option in own) else "option"
    table = f"{_table((what, 'meaning', 'default'), own)}\n" if own else ""
    return f"### `{_usage(entry)}`\n\n{_coded(entry.about)}\n\n{table}{_ending(entry, shared)}\n"


def _ending(entry: Entry, shared: Iterable[Option]) -> str:
    names = [option.called.partition(" ")[0].strip("`") for option in entry.options if option in shared]
    also = f"[Shared options](#shared-options): {', '.join(map('`{}`'.format, names))}. " if names else ""
    return f"{also}Example: `{entry.example}`"


def _options_of_all(stages: list[Entry]) -> Iterator[Option]:
    """Yield the options of the stages; those that not every stage takes so say which ones do."""
    takers: dict[Option, list[str]] = {}
    for stage in stages:
        for option in stage.options:
            takers.setdefault(option, []).append(stage.name)
    for option, names in takers.items():
        of = "" if len(names) == len(stages) else f" (of {', '.join(map('`{}`'.format, names))})"
        yield option._replace(called=f"{option.called}{of}")


def _of_stages(stages: list[Entry], shared: Iterable[Option]) -> str:
    listed = _table(
        ("stage", "does", "example"), ((f"`{each.name}`", each.about, f"`{each.example}`") for each in stages)
    )
    own = sorted(each for each in _options_of_all(stages) if each not in shared)
    return f"{listed}\n{_table(('option', 'meaning', 'default'), own)}"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _coded(text: str) -> str:
    """Return a text with what one types, and places, as code."""
    return _CODE.sub(lambda found: found[0] if found[0][0] == "`" else f"`{found[0]}`", text)


def main() -> None:
    """Write all parts into the page."""
    PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
