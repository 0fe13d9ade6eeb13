"""`python -m gateway.cli` is `tieline`."""

from gateway.cli import main

if __name__ == "__main__":
    main(prog_name="tieline")
