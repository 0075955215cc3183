"""What the library raises. Each kind of error is also the built-in exception that Python's own functions would raise."""


class Error(Exception):
    """An error of Triage; its text names the file, the field, what was found and what was expected."""

    code = ""  # which kind, by the name that the C and C++ libraries use


class NotFoundError(Error, FileNotFoundError):
    """There is no plan directory, a stage's file is missing, a run lacks its files."""

    code = "not_found"


class UnreadableError(Error, OSError):
    """A file is there and could not be read: rights, an I/O error, a device."""

    code = "unreadable"


class DamagedError(Error, ValueError):
    """A file is broken, has another checksum, or does not fit the others."""

    code = "damaged"


class UnsupportedError(Error, NotImplementedError):
    """Images of a kind that is not read, kernels for another CPU, ONNX Runtime with threads in a forked child."""

    code = "unsupported"


class BadInputError(Error, ValueError):
    """Images of another size or damaged, a wrong number of thresholds."""

    code = "bad_input"


class EngineError(Error, RuntimeError):
    """The engine failed, or a network gave no finite probability."""

    code = "engine_failure"


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""

    code = "out_of_memory"
