# The services, as shared/kit/services.def names them. Sourced from the root of the clone.
OWNERS=$(sed -n 's/^X(\(.*\))$/\1/p' shared/kit/services.def | paste -sd' ') # those with a database
SERVICES="$OWNERS gateway"
