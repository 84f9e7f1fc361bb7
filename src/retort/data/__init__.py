"""From files, the hub or the embedded sample to three splits of comments that share no text."""
