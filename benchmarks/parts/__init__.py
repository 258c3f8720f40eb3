"""The parts of benchmarks/fit.py, one module each; common.py is what they share."""
