"""One module a DVC stage: parse, call the pipeline, write what it returns."""
