"""The command line. Verbs are the files of `verbs/`; heavy imports wait until a verb runs."""
