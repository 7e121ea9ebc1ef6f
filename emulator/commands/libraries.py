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
    "https to other hosts is refused by the proxy, unless program and emulator are on one machine and it serves with "
    "--proxy-passthrough on"
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
                "the async client (AsyncTwilioHttpClient) ignores proxy variables: give it client.api.base_url",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="node",
            proxies=("HTTP_PROXY",),  # RequestClient.js: this name, for https too
            adds=("NODE_EXTRA_CA_CERTS",),
            trusts=("NODE_EXTRA_CA_CERTS",),
            notes=(
                "twilio-node reads HTTP_PROXY (also for https) and then drops TWILIO_CA_BUNDLE",
                "only what starts after this reads NODE_EXTRA_CA_CERTS; process.env.… in the program is too late",
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
            notes=("PHP trusts no certificates by variable, hence a setting file (curl.cainfo)", _OTHER_HOSTS),
        ),
        Library(
            name="go",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(
                "twilio-go refuses tokens that are not only letters and digits",
                "Go reads SSL_CERT_FILE on Linux and BSD; on macOS and Windows trust ca.pem in the system",
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
            notes=("loopback stays direct: http.nonProxyHosts does that by default", _OTHER_HOSTS),
        ),
        Library(
            name="csharp",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(".NET reads SSL_CERT_FILE on Linux; on macOS and Windows trust ca.pem in the system", _OTHER_HOSTS),
        ),
        Library(
            name="cli",
            proxies=("HTTP_PROXY",),
            adds=("NODE_EXTRA_CA_CERTS",),
            trusts=("NODE_EXTRA_CA_CERTS",),
            notes=("twilio-cli takes account and token from these variables before any profile",),
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
                    "the emulator must listen where containers can reach it: "
                    "twilio-udm-emulator serve --host 0.0.0.0 --tls-port 2011 --proxy-port 2012"
                ),
                "the proxy leads a container to *.twilio.com only: other hosts that it needs belong in NO_PROXY",
                "inside compose no variable is needed: docker-compose.yml shows api.twilio.com as a network alias",
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
    notes=("for python, node, ruby, go, csharp, cli and curl; php and java need to be named", _OTHER_HOSTS),
)
CA_VARIABLES = (*ANY.adds, *ANY.replaces)
