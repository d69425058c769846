#!/usr/bin/env bash
# install.sh [test]: installs the Debian packages that are missing (docker/local/packages) and fetches the broker and
# the documentation viewer as pinned in docker/kafka/pom.xml; for tests also the Python packages of their
# requirements.txt. Does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${RUN_DIR:=.run}" "${BORROWED:=build/borrowed}"
python_packages="docs/examples/requirements.txt tests/support/requirements.txt"
. docker/local/say.sh

# wanted [test]: package names, with the test ones where asked for.
wanted() {
    sed -e 's/#.*//' -e "s/^${1:-none}://" docker/local/packages | awk '$1 != "" && $1 !~ /:/ {print $1}'
}

missing() {
    local package
    for package in $(wanted "${1:-}"); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
    done
}

install_packages() {
    local sudo=
    [ "$(id -u)" = 0 ] || sudo="sudo --preserve-env=DEBIAN_FRONTEND"
    export DEBIAN_FRONTEND=noninteractive
    # postgresql-15 would otherwise make and start a cluster of its own
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        ${sudo:+sudo} mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | ${sudo:+sudo} tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    $sudo apt-get update -q && $sudo apt-get install -y -q --no-install-recommends "$@"
}

fetch_borrowed() {
    local into
    rm -rf "$BORROWED" "$BORROWED.part"
    mkdir -p "$BORROWED.part"
    into=$(cd "$BORROWED.part" && pwd)
    mvn -q -B -f docker/kafka/pom.xml package -Dinto="$into" </dev/null || return 1
    mv "$into"/webjar/META-INF/resources/webjars/swagger-ui/* "$into/swagger-ui" || return 1
    rm -rf "$into/webjar" "$into/target"
    cp docker/kafka/pom.xml "$into/pom.xml"
    mv "$into" "$BORROWED"
}

# The client of the example consumer and the validator of schemas, in an environment of their own. The lists are copied
# last, so that one that was cut off is made anew.
fetch_python() {
    local into=$BORROWED/python list
    rm -rf "$into"
    python3 -m venv "$into" || return 1
    for list in $python_packages; do
        "$into/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$list" || return 1
    done
    cat $python_packages >"$into/requirements.txt"
}

packages=$(missing "${1:-}")
if [ -n "$packages" ]; then
    command -v apt-get >/dev/null || refuse "these Debian packages are missing, and this is not a Debian: $(echo $packages)."
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        refuse "packages are missing and you are neither root nor have sudo. As root: apt-get install $(echo $packages)"
    # shellcheck disable=SC2086 # a list of words
    step "Debian packages ($(echo "$packages" | wc -l) missing)" install_packages $packages
fi
if ! cmp -s docker/kafka/pom.xml "$BORROWED/pom.xml"; then
    step "broker and documentation viewer" fetch_borrowed
fi
if [ "${1:-}" = test ] && ! cat $python_packages | cmp -s - "$BORROWED/python/requirements.txt"; then
    step "Python packages of the tests" fetch_python
fi
