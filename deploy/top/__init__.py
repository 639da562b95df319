"""The live view of `./lotsman top`: what ops ask of a running system, again and again, on one screen."""
