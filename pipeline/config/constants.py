"""Define numbers and words that the config shares with other rooms."""

import re

DEFAULT_JPEG_QUALITY = 95
ONLY_CLASS = "image"  # of a source without labels
# The fewest images that can be measured: half of them, of which standard errors are taken, have five neighbours each, and ten for a
# kernel distance.
FEWEST = 20
# A share of so many (coverage, precision, accuracy) has a standard error of up to 0.05; of fewer no gate can be told from luck.
ENOUGH = 100
# Other characters would be decoded on the way to the store, or carry a password into a manifest.
OBJECT_STORE = re.compile(r"(s3|gs)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/(?!\.\.?(/|$))[A-Za-z0-9._=-]+)*/?")
