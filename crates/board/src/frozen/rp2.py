"""What of the module rp2 is no matter of circuits: the state machines of the pins are not played."""

import network


def country(*code):
    return network.country(*code)


def bootsel_button():
    return 0
