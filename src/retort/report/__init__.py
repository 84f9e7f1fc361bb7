"""The report of a finished run folder: `page.write_report(folder)`. Reads files only; never imports torch."""
