"""Runs the desk: `python -m services.desk`. People sign in at the OpenID Connect provider that the settings name."""

from services.desk.process import main
from services.desk.provider import make_door

if __name__ == "__main__":
    main(make_door)
