"""`python -m emulator` is the command `twilio-udm-emulator`."""

from emulator.cli import main

if __name__ == "__main__":
    main()
