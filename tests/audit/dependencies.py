# SPDX-License-Identifier: MIT
"""dependencies.py OUT BORROWED BINARY…: what the product is made of, as an SPDX 2.3 document in OUT and as a table: the Debian
packages that our binaries are linked with or that docker/local/packages names to build and run, and the jars of
docker/kafka/pom.xml with all they need. A licence is that of the package's main part; ends with 1 where it is not known."""
import re, subprocess, sys, time, zipfile
from pathlib import Path

HERE = Path(__file__).parent
KNOWN = dict(line.split("\t") for line in (HERE / "licences.tsv").read_text().splitlines() if line and line[0] != "#")
URLS = {"apache.org/licenses/LICENSE-2.0": "Apache-2.0", "mit-license": "MIT", "BSD-2-Clause": "BSD-2-Clause", "zero/1.0": "CC0-1.0"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def spdx(licence):
    return KNOWN.get(licence, licence)


def linked_packages(binaries):
    libraries = {str(Path(p).resolve()) for b in binaries for p in re.findall(r"=> (/\S+)", output("ldd", b))}
    for library in libraries:
        owner = output("dpkg", "-S", library) or output("dpkg", "-S", library.removeprefix("/usr"))
        yield owner.split(":")[0]


def named_packages():
    for line in Path("docker/local/packages").read_text().splitlines():
        name = line.split("#")[0].strip()
        if name and ":" not in name:
            yield name


def licence_of_package(name):
    """That of the paragraph "Files: *" of a machine-readable copyright file, otherwise what our table says."""
    if "package " + name in KNOWN:
        return KNOWN["package " + name]
    text = Path(f"/usr/share/doc/{name}/copyright").read_text(errors="replace")
    found = re.search(r"^Files:\s*\*\s*$(?:.*\n)(?:(?!License:).*\n)*?License:[ \t]*(.+)$", text, re.M)
    return spdx(found[1].strip()) if found else None


def licence_of_jar(jar, name):
    with zipfile.ZipFile(jar) as archive:
        inside = archive.namelist()
        read = lambda path: archive.read(path).decode(errors="replace").replace("\r", "").replace("\n ", "")
        manifest = read("META-INF/MANIFEST.MF") if "META-INF/MANIFEST.MF" in inside else ""
        told = "".join(re.findall(r"^Bundle-License: (.*)$", manifest, re.M))
        told += "".join(read(path)[:2000] for path in inside if path == "LICENSE")
    found = sorted({licence for sign, licence in URLS.items() if sign in told} | ({"Apache-2.0"} if "Apache License" in told else set()))
    return KNOWN.get("jar " + name) or " OR ".join(found) or None


def debian(binaries):
    for name in sorted(set(linked_packages(binaries)) | set(named_packages())):
        yield name, output("dpkg-query", "-W", "-f", "${Version}", name), licence_of_package(name), f"pkg:deb/debian/{name}"


def maven(borrowed):
    for jar in sorted(Path(borrowed, "kafka").glob("*.jar")):
        name, version = re.fullmatch(r"(.+?)-(\d.*)\.jar", jar.name).groups()
        yield name, version, licence_of_jar(jar, name), f"pkg:maven/{name}"
    pom = Path("docker/kafka/pom.xml").read_text()
    yield "swagger-ui", re.search(r"<swagger-ui.version>(.*)<", pom)[1], "Apache-2.0", "pkg:maven/org.webjars/swagger-ui"


def document(parts):
    yield "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: domestic-connect"
    yield f"DocumentNamespace: urn:domestic-connect:{int(time.time())}\nCreator: Tool: make audit"
    yield time.strftime("Created: %Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for name, version, licence, url in parts:
        identity = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", url.removeprefix("pkg:"))
        yield f"\nPackageName: {name}\nSPDXID: {identity}\nPackageVersion: {version}\nPackageDownloadLocation: NOASSERTION"
        yield f"FilesAnalyzed: false\nPackageLicenseConcluded: NOASSERTION\nPackageLicenseDeclared: {licence or 'NOASSERTION'}"
        yield f"PackageCopyrightText: NOASSERTION\nExternalRef: PACKAGE-MANAGER purl {url}@{version}"
        yield f"Relationship: SPDXRef-DOCUMENT DESCRIBES {identity}"


def main(out, borrowed, *binaries):
    parts = [*debian(binaries), *maven(borrowed)]
    Path(out).write_text("\n".join(document(parts)) + "\n")
    for name, version, licence, _ in parts:
        print(f"{name:34} {version:28} {licence or 'UNKNOWN'}")
    unknown = [name for name, _, licence, _ in parts if not licence or not re.fullmatch(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*", licence)]
    print(f"{len(parts)} dependencies" + (f"; of unknown licence: {', '.join(unknown)}" if unknown else ""))
    return 1 if unknown else 0


sys.exit(main(*sys.argv[1:]))
