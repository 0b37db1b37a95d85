"""`python -m geoseg` is `geoseg`."""

from geoseg.cli import main

if __name__ == "__main__":
    main()
