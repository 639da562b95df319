"""Programs that use Lotsman from outside, as an agency or a reader would."""
