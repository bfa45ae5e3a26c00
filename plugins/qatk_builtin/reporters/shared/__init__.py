"""What the reports in the terminal, in Markdown and on the page have in common."""
