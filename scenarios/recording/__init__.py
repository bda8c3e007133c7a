"""The picture in README.md: a real session at a terminal, written down as an animated SVG."""
