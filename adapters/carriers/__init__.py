"""Translators of one provider each; see adapters/contract.py."""
