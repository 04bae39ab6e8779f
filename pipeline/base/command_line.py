"""Read command lines with typer: each ends with one exit code and, if something is wrong, one message."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pipeline.base.errors import UserError
from pipeline.base.log import configure_logging, log_error
from pipeline.base.process import INTERRUPTED, PIPE_CLOSED

SETTINGS = {"help_option_names": ["--help", "-h"]}
FAILED = 1
MISTYPED = 2  # a command line that cannot be read, as in other programs
ALIKE = 0.5  # how near a word has to be to be meant


class Command(TyperCommand):
    """Take a command's options, and show a switch in the help without the type of a value that it does not take."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return arguments and options, `--help` last."""
        return _as_switches(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what comes after the command's name; a mistake in it belongs to this command."""
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as mistake:
            if getattr(mistake, "ctx", None) is None:  # typer's parser does not know whose options it reads
                mistake.ctx = ctx  # type: ignore[attr-defined]
            raise


class Group(TyperGroup):
    """Hold commands, and show switches in the help as `Command` does."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return arguments and options, `--help` last."""
        return _as_switches(super().get_params(ctx))


def _as_switches(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_bool_flag", False):
            parameter.metavar = ""
            if (
                parameter.default is None
            ):  # of `--help`: to find out that this is no yes or no, typer would load pydantic
                parameter.default = False
    return parameters


def add_command(
    app: typer.Typer,
    work: Callable[..., None],
    example: str,
    *,
    panel: str,
    name: str | None = None,
    about: str | None = None,
) -> None:
    """Add a command to a program; its help is the docstring of `work`, or `about`, and ends with an example."""
    app.command(name, cls=Command, help=about, rich_help_panel=panel, epilog=f"Example: {example}")(work)


def run_command_line(app: typer.Typer, name: str, program: str, arguments: Sequence[str]) -> int:
    """Read a command line and do what it asks for.

    Args:
        app: the commands.
        name: of what begins each message.
        program: what the user types to call it.
        arguments: what the user typed after that.

    Returns:
        The exit code: 0, or 1, 2 or 130 and one message.
    """
    configure_logging()
    return exit_code(name, partial(_run, app, name, program, list(arguments)), "interrupted")


def exit_code(name: str, work: Callable[[], int | None], interrupted: str) -> int:
    """Do the work; return its exit code, or 1 and 130 with one message in the name of the command, `interrupted` for Ctrl-C."""
    try:
        return work() or 0
    except UserError as error:
        log_error(name, str(error))
        return FAILED
    except KeyboardInterrupt:
        log_error(name, interrupted)
        return INTERRUPTED


def _run(app: typer.Typer, name: str, program: str, arguments: list[str]) -> int:
    # typer's own way to run a command ends the process, draws boxes, and takes broken pipes and Ctrl-C for its own.
    try:
        command = get_command(app)
        with command.make_context(program, arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as mistake:
        log_error(name, _in_words(mistake, program))
        return MISTYPED
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return PIPE_CLOSED  # rich ends a process whose reader has gone, with another code
    return 0


def nearest(word: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """Return the known word that was probably meant; None where none is near, by a ratio from 0 to 1."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=alike)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that names the nearest known word, with a space before it; nothing where none is near."""
    near = nearest(word, known)
    return "" if near is None else f" Did you mean {near!r}?"


def _in_words(mistake: typer.TyperException, program: str) -> str:
    context = getattr(mistake, "ctx", None)
    called = program if context is None else context.command_path
    return f"{_sentence(_what_is_wrong(mistake, context))} See `{called} --help`."


def _what_is_wrong(mistake: typer.TyperException, context: Any) -> str:
    option = getattr(mistake, "option_name", None)
    if context is not None and option is not None and hasattr(mistake, "possibilities"):  # an option that is not there
        known = [name for parameter in context.command.get_params(context) for name in parameter.opts]
        if option[1:].isdigit():
            return f"{option} is read as an option: no argument here is a number below 0"
        # By their words alone: all options are alike in their dashes.
        names = {name.lstrip("-"): name for name in known if name.startswith("--")}
        near = nearest(option.lstrip("-"), names)
        return f"No such option: {option}.{'' if near is None else f' Did you mean {names[near]!r}?'}"
    errors = getattr(mistake.__cause__, "errors", None)
    if errors is not None:  # pydantic's, who looks at types
        (error, *_), hint = errors(), mistake.param.get_error_hint()  # type: ignore[attr-defined]  # of BadParameter
        return f"Invalid value for {hint}: {error['input']!r}: {error['msg'].partition(',')[0].removeprefix('Input ')}"
    return mistake.format_message()


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."
