"""A page and an HTTP interface for models that answer; ``qatk serve`` starts it. Needs the extra ``qatk[serve]``."""
