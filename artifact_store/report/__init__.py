"""The report: one file that shows the artifacts of a store in any browser, without a network."""
