"""The page: Gradio in one folder, one file a tab, two languages, no foreign hosts."""
