"""Runs the mail of expertise: `python -m services.expertise.mail`."""

from services.expertise.mail.process import main

if __name__ == "__main__":
    main()
