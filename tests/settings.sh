# Settings of the stack under test that differ from the defaults, and why. Sourced by run.sh.
