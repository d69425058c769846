# The services, as shared/kit/services.def names them. Sourced from the root of the clone.
OWNERS=$(sed -n 's/^X(\(.*\))$/\1/p' shared/kit/services.def | paste -sd' ') # those with a database
SERVICES="$OWNERS gateway"
# What is drawn by lot, once for each stack: of services, of M-Pesa's simulator, of the roles of the database.
SECRETS="signing_key payments cursor daraja_key daraja_secret daraja_passkey daraja_credential database_superuser$(printf ' database_%s' $OWNERS import)"
