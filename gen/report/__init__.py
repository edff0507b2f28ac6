"""The report of a design: report.json, and the page that shows it."""
