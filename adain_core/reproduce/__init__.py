"""The paper's figures and tables, measured again: one report from one command."""
