"""`python -m retort` is `retort`; torchrun starts it this way."""

from retort.cli import main

if __name__ == "__main__":
    main()
