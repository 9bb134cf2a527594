"""Values become what people and scripts read: text, Markdown, JSON."""
