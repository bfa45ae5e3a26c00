from qatk.testing import check_component


def test_contract() -> None:
    check_component("head", "mlp")


def test_contract_of_a_narrow_one() -> None:
    check_component("head", "mlp", {"width": 8, "dropout": 0.0})
