"""The processes that carry out local tasks."""

# sysexits.h: EX_TEMPFAIL, something that may work in a moment (another worker still holds on).
TRY_AGAIN = 75
