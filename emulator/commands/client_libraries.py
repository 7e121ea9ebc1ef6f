"""The variables and files that route each library's programs to the emulator, one row per library."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FOLDER = "twilio-udm-emulator"  # name of every directory that the commands create
CA = "ca.pem"
BUNDLE = "bundle.pem"
TRUST_STORE = "truststore.jks"
PHP_INI = "php/twilio-udm-emulator.ini"

_HTTPS = ("HTTPS_PROXY", "https_proxy")  # where a library reads both, many prefer lower case
NO_PROXY = ("NO_PROXY", "no_proxy")
IN_CONTAINER = f"/{FOLDER}"
TO_HOST = "host.docker.internal"
_OTHER_HOSTS = (
    "the proxy rejects HTTPS to other hosts, unless the program runs on the emulator's machine and the emulator was "
    "started with --proxy-passthrough on"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Configuration of a library (sources: the libraries themselves; how each was tested is in docs/attach.md).

    Attributes:
        name: argument of the command.
        proxies: variables for the proxy of https requests.
        adds: variables for CA files that are trusted in addition to the default ones.
        replaces: variables for CA files that are trusted instead of the default ones.
        trusts: CA variables that the library itself reads; one is enough.
        others: further variables; {host} and {port} are the proxy's, {folder} is the directory of the files.
        files: further files in addition to ca.pem and bundle.pem.
        notes: notes for the user.
    """

    name: str
    proxies: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    trusts: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


LIBRARIES = {
    library.name: library
    for library in (
        Library(
            name="python",
            proxies=_HTTPS,
            replaces=("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
            trusts=("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
            notes=(
                "the async client (AsyncTwilioHttpClient) ignores proxy variables: set client.api.base_url",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="node",
            proxies=("HTTP_PROXY",),  # RequestClient.js: this name, for https too
            adds=("NODE_EXTRA_CA_CERTS",),
            trusts=("NODE_EXTRA_CA_CERTS",),
            notes=(
                "twilio-node uses HTTP_PROXY for HTTPS too, and then ignores TWILIO_CA_BUNDLE",
                "Node reads NODE_EXTRA_CA_CERTS only at startup; setting it in process.env has no effect",
            ),
        ),
        Library(
            name="ruby",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(_OTHER_HOSTS,),
        ),
        Library(
            name="php",
            proxies=_HTTPS,
            # php.net/manual/en/configuration.file.php: a list; an empty entry is PHP's compiled-in directory.
            others={"PHP_INI_SCAN_DIR": "{folder}/php"},
            files=(PHP_INI,),
            notes=(
                "PHP has no variable for trusted certificates, so an ini file sets them (curl.cainfo)",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="go",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(
                "twilio-go rejects tokens with characters other than letters and digits",
                "Go reads SSL_CERT_FILE on Linux and BSD; on macOS and Windows, add ca.pem to the trusted certificates",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="java",
            others={
                "JAVA_TOOL_OPTIONS": "-Dhttps.proxyHost={host} -Dhttps.proxyPort={port} "
                "-Djavax.net.ssl.trustStore='{folder}/truststore.jks' -Djavax.net.ssl.trustStoreType=JKS"
            },
            files=(TRUST_STORE,),
            notes=(
                "requests to loopback addresses do not use the proxy (the default of http.nonProxyHosts)",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="csharp",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(
                ".NET reads SSL_CERT_FILE on Linux; on macOS and Windows, add ca.pem to the trusted certificates",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="cli",
            proxies=("HTTP_PROXY",),
            adds=("NODE_EXTRA_CA_CERTS",),
            trusts=("NODE_EXTRA_CA_CERTS",),
            notes=("twilio-cli prefers these variables to the account and token of a profile",),
        ),
        Library(
            name="docker",
            proxies=(*_HTTPS, "HTTP_PROXY"),
            adds=("NODE_EXTRA_CA_CERTS",),
            replaces=("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"),
            notes=(
                (
                    f"docker run --env-file emulator.env --volume {{files}}:{IN_CONTAINER}:ro "
                    f"--add-host {TO_HOST}:host-gateway YOUR_IMAGE"
                ),
                (
                    "start the emulator on an address that containers can reach: "
                    "twilio-udm-emulator serve --host 0.0.0.0 --tls-port 2011 --proxy-port 2012"
                ),
                "for containers, the proxy connects to *.twilio.com only: add other hosts to NO_PROXY",
                "Docker Compose needs no variables: see the network alias api.twilio.com in docker-compose.yml",
            ),
        ),
    )
}
# All libraries that need only variables.
ANY = Library(
    name="any",
    proxies=(*_HTTPS, "HTTP_PROXY"),
    adds=("NODE_EXTRA_CA_CERTS",),
    replaces=("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"),
    notes=("for python, node, ruby, go, csharp, cli and curl; for php and java, name the library", _OTHER_HOSTS),
)
CA_VARIABLES = (*ANY.adds, *ANY.replaces)
