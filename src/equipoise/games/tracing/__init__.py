"""Following branches of equilibria through temperature: predictor, corrector, folds and pitchforks."""
