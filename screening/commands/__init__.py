"""Commands of the command line beside those that run a screen, a module for each topic."""
