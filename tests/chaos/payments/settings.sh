# Settings of the stack under chaos: as tests/settings.sh has them, and what makes waiting short.
. tests/settings.sh
# a push whose process died is given up as lost after a little more than this
export PAYMENTS_DC_DARAJA_TIMEOUT_MS=1500
