"""What terminal, Markdown, HTML and notebook share: text, numbers, tables."""
