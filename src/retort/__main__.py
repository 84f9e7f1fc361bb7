"""`python -m retort` does the same as `retort`; torchrun needs a module."""

from retort.cli import main

if __name__ == "__main__":
    main()
