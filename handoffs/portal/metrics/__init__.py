"""The managers' numbers as pages: tiles, charts, tables, what is behind each figure, and files of them."""
