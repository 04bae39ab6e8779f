"""Give the fewest images that can be measured at all, and the fewest whose figures mean something."""

# Half of them, of which standard errors are taken, still have five neighbours each, and ten for a kernel distance.
FEWEST = 20
# A share of so many (coverage, precision, accuracy) has a standard error of up to 0.05; of fewer no gate can be told from luck.
ENOUGH = 100
