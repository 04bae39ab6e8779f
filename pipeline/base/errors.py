"""Define the one kind of error that is meant for the person at the keyboard."""


class UserError(Exception):
    """Report a mistake or a condition that the user can mend.

    Its text is complete as it stands: where (file, key), what was found, what is allowed, what to do. The edge (a stage
    or the console script) prints it without a traceback and exits with 1.
    """
