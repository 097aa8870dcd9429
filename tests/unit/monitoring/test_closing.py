"""The end of a training in words: its warnings, and no next steps for a run that is no model."""

from support.runs import CONFIG, FOLD, add_epoch

from brainseg.monitoring.closing import next_steps, warnings_of
from brainseg.training.runs import Run


def test_a_training_that_found_nothing_ends_with_a_warning_and_its_likely_cause(tmp_path):
    run = Run.create(tmp_path, "useless", CONFIG, FOLD)
    for epoch in range(1, 4):
        add_epoch(run, epoch, 0.0, validation_volume_ratio=0.0)
    run.set_status("finished", epoch=3, best_epoch=1, best_dice=0.0, threshold=0.5)
    (sentence,) = warnings_of(run)
    assert sentence.startswith("nothing found, since epoch 1: Validation Dice is 0.000 although")
    assert "30 batches are too few" in sentence
    assert next_steps(run) == []
