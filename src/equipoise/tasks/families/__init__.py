"""Task families, one file each; `equipoise.tasks.family.families` lists this folder."""
