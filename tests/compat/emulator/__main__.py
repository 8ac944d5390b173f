"""LocalStack with its gaps closed. `make compat` starts this with the Python of .venv/compat; SIGTERM ends it."""

from __future__ import annotations

from localstack.runtime.main import main

from tests.compat.emulator import gaps

if __name__ == "__main__":
    gaps.fill()
    main()
