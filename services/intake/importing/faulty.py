"""A file or a mapping that cannot be used as a whole, with everything that is wrong with it."""

from contracts.reference import Problem


class FaultyFile(Exception):
    """Nothing can be made of it: why, with places in the mapping, where they are of one."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{one.pointer}: {one.message}".removeprefix(": ") for one in problems))
        self.problems = problems
