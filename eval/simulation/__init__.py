"""The verdict tested on studies whose truth is known (``joyul eval simulate``)."""
