"""The page of phases: what there is, its picture, its text, its versions."""
