"""Name the stages of the pipeline, which `dvc.yaml` describes, in the order in which they run."""

STAGES = ("source", "ingest", "resolve", "embed", "train", "evaluate", "sample", "audit", "accept")
ALL = "all"
FRAMED = "IMAGEMINT_FRAMED"  # set in the environment of stages where `run all` has named the preset for all of them
