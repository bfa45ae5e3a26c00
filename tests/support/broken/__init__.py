"""Components that break one promise each, on purpose: the checks of qatk.testing must catch every one of them."""
