"""Intake (приём заявок): the door for agencies' events, registration, and the look-over by an officer."""
