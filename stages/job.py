"""All stages, or those up to one, as a job on a cluster: from what is kept below the root, to there."""

import argparse
from collections.abc import Sequence
from functools import partial

from pipeline.base.errors import UserError
from pipeline.base.log import configure_logging, log_error, log_info, require_known_format
from pipeline.base.process import INTERRUPTED, raise_interrupts, run_process


def main(argv: Sequence[str] | None = None) -> int:
    """Ends as `dvc repro` does, or with 1 and one message."""
    from pipeline.jobs.work import ALL, STAGES, run_job

    parser = argparse.ArgumentParser(prog="python -m stages.job", description=__doc__)
    parser.add_argument("target", metavar="STAGE|all", help=f"{ALL}, or one of {', '.join(STAGES)}")
    parser.add_argument("--preset", help="a preset of conf/ (default: the one that conf/active.yaml names)")
    parser.add_argument("--root", help="s3://BUCKET/PREFIX, or a folder that all nodes have (default: the preset's)")
    arguments = parser.parse_args(argv)
    configure_logging()
    try:
        raise_interrupts()
        require_known_format()
        return run_job(arguments.target, arguments.preset, arguments.root, partial(log_info, "job"))
    except UserError as error:
        log_error("job", str(error))
        return 1
    except KeyboardInterrupt:
        log_error("job", "interrupted; the same job submitted again goes on from here.")
        return INTERRUPTED


if __name__ == "__main__":
    run_process("job", main)
