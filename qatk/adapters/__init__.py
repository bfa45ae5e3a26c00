"""Gives answers to other libraries, in the form that each calls for; an adapter needs the library of its name."""
