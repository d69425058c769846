# SPDX-License-Identifier: MIT
"""Holds docker-compose.yml against what the services take: each is given settings with which it would start, each container the
secrets that its settings name, and docker/make-secrets.sh makes all that there are.

    BUILD=build/asan tests/support/compose.py
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

BUILD = Path(os.environ.get("BUILD", "build"))
SERVICES = {*re.findall(r"^X\((\w+)\)", Path("shared/kit/services.def").read_text(), re.M), "gateway"}
COMPOSE = yaml.safe_load(Path("docker-compose.yml").read_text())
SECRETS = "/run/secrets/"
problems = []


def make_secrets(folder):
    """What docker/make-secrets.sh makes in a clone that has none."""
    shutil.copytree("docker", folder / "docker", ignore=shutil.ignore_patterns("secrets"))
    (folder / "shared/kit").mkdir(parents=True)
    shutil.copy("shared/kit/services.def", folder / "shared/kit")
    subprocess.run([folder / "docker/make-secrets.sh"], check=True)
    return folder / "docker/secrets"


def environment_of(container, secrets):
    """As compose would have it with nothing set on the machine, but that secrets and folders are those of this test."""
    environment = {}
    for name, value in container.get("environment", {}).items():
        value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
        environment[name] = value.replace(SECRETS, f"{secrets}/")
    return environment


def check(name, container, secrets):
    environment = environment_of(container, secrets)
    named = {value.removeprefix(f"{secrets}/") for value in environment.values() if value.startswith(f"{secrets}/")}
    if missing := named - set(container.get("secrets", [])):
        problems.append(f"{name}: its settings name secrets that it is not given: {missing}")
    if name in SERVICES:
        said = subprocess.run([BUILD / "bin" / name, "settings"], env=environment, capture_output=True, text=True)
        if said.returncode:
            problems.append(f"{name}: {said.stderr}")


with tempfile.TemporaryDirectory() as folder:
    secrets = make_secrets(Path(folder))
    if unlike := {path.name for path in secrets.iterdir()} ^ set(COMPOSE["secrets"]):
        problems.append(f"made by docker/make-secrets.sh or known to docker-compose.yml, but not both: {unlike}")
    for name, container in COMPOSE["services"].items():
        check(name, container, secrets)
    if lacking := SERVICES - set(COMPOSE["services"]):
        problems.append(f"docker-compose.yml lacks {lacking}")
print(*problems, sep="\n")
sys.exit(bool(problems))
