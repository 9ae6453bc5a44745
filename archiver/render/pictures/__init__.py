"""Pictures of reports: values in, SVG text out."""
