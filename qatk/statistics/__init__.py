"""Arrays in, figures out: intervals, tests, resampling. Nothing here knows of question answering."""
