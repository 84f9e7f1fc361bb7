"""Pages for people: a comment and its verdict, a file of comments, the run and its models, the API's documentation."""
