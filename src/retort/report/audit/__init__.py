"""The report of `retort audit`: audit.md, audit.html and plots, from audit.json and failures.jsonl alone."""
