"""Structure → molecular-dynamics trajectory → analysis."""
