"""Trusses as they run here: archives unpacked, `model.py` in processes, the echo for the rest."""
