"""What `env` says: one table for all libraries, files that only add to what was trusted, and text that shells read."""

import io
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.server import Command

from emulator.cli import run
from emulator.commands import cert_files, env, probes, trust_bundle
from emulator.commands.client_libraries import ANY, LIBRARIES, Library
from emulator.commands.env import START, AttachError
from emulator.commands.probes import EmulatorInfo

OURS = "-----BEGIN CERTIFICATE-----\nT3Vycw==\n-----END CERTIFICATE-----\n"
THEIRS = "-----BEGIN CERTIFICATE-----\nVGhlaXJz\n-----END CERTIFICATE-----\n"
EMULATOR = EmulatorInfo(url="http://127.0.0.1:2010", proxy="http://127.0.0.1:2012", ca=OURS)
ACCOUNT = "AC" + "a" * 32
ZEROS = "0" * 32


def attached(
    library: Library,
    environ: Mapping[str, str] | None = None,
    *,
    emulator: EmulatorInfo = EMULATOR,
    folder: str = "/folder",
) -> env.Attachment:
    return env.attach(library, emulator, environ=environ or {}, folder=Path(folder), credentials=(ACCOUNT, ZEROS))


# --- the variables


@pytest.mark.parametrize(
    ("library", "values"),
    [
        ("python", {"HTTPS_PROXY": "http://127.0.0.1:2012", "REQUESTS_CA_BUNDLE": "/folder/bundle.pem"}),
        ("node", {"HTTP_PROXY": "http://127.0.0.1:2012", "NODE_EXTRA_CA_CERTS": "/folder/ca.pem"}),
        ("cli", {"HTTP_PROXY": "http://127.0.0.1:2012", "NODE_EXTRA_CA_CERTS": "/folder/ca.pem"}),
        ("ruby", {"https_proxy": "http://127.0.0.1:2012", "SSL_CERT_FILE": "/folder/bundle.pem"}),
        ("php", {"https_proxy": "http://127.0.0.1:2012", "PHP_INI_SCAN_DIR": ":/folder/php"}),
        ("go", {"HTTPS_PROXY": "http://127.0.0.1:2012", "SSL_CERT_FILE": "/folder/bundle.pem"}),
        ("csharp", {"HTTPS_PROXY": "http://127.0.0.1:2012", "SSL_CERT_FILE": "/folder/bundle.pem"}),
        (
            "java",
            {
                "JAVA_TOOL_OPTIONS": "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=2012 "
                "-Djavax.net.ssl.trustStore='/folder/truststore.jks' -Djavax.net.ssl.trustStoreType=JKS"
            },
        ),
        (
            "docker",
            {
                "HTTPS_PROXY": "http://host.docker.internal:2012",
                "SSL_CERT_FILE": "/twilio-udm-emulator/bundle.pem",
                "NODE_EXTRA_CA_CERTS": "/twilio-udm-emulator/ca.pem",
            },
        ),
    ],
)
def test_each_library_gets_what_it_reads(library: str, values: dict[str, str]) -> None:
    variables = attached(LIBRARIES[library]).variables

    assert values.items() <= variables.items()
    assert (variables["TWILIO_ACCOUNT_SID"], variables["TWILIO_AUTH_TOKEN"]) == (ACCOUNT, ZEROS)


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_loopback_bypasses_the_proxy(library: Library) -> None:
    variables = attached(library).variables

    for name in ("NO_PROXY", "no_proxy") if library.proxies else ():
        assert variables[name] == "localhost,127.0.0.1,::1"


def test_hosts_that_were_direct_stay_direct() -> None:
    emulator = EmulatorInfo(url="http://emulator:2010", proxy="http://emulator:2012", ca=OURS)
    variables = attached(ANY, {"no_proxy": "intranet, localhost", "NO_PROXY": ".corp"}, emulator=emulator).variables

    assert variables["NO_PROXY"] == ".corp,intranet,localhost,127.0.0.1,::1,emulator"


@pytest.mark.parametrize(
    ("library", "name", "present"),
    [
        ("java", "JAVA_TOOL_OPTIONS", "-Xmx1g"),
        ("php", "PHP_INI_SCAN_DIR", "/etc/more"),
        ("php", "PHP_INI_SCAN_DIR", ":/etc/more"),
    ],
)
def test_lists_keep_entries_and_add_ours(library: str, name: str, present: str) -> None:
    once = attached(LIBRARIES[library], {name: present}).variables[name]
    again = attached(LIBRARIES[library], {name: once}).variables[name]

    assert once.startswith(present)
    assert len(once) > len(present)
    assert again == once


def test_error_without_proxy_has_a_command() -> None:
    with pytest.raises(
        AttachError, match=r"has no proxy.*start it with: twilio-udm-emulator serve --tls-port 2011 --proxy-port 2012$"
    ):
        attached(ANY, emulator=EmulatorInfo(url="http://127.0.0.1:2010"))


@pytest.mark.parametrize(
    ("environ", "candidates"),
    [
        pytest.param({}, [(ACCOUNT, ZEROS)], id="nothing"),
        pytest.param({"TWILIO_ACCOUNT_SID": "AC1"}, [(ACCOUNT, ZEROS)], id="malformed account"),
        pytest.param({"EMULATOR_AUTH_TOKEN": "t"}, [(ACCOUNT, "t")], id="the emulator's token is known"),
        pytest.param(
            {"TWILIO_ACCOUNT_SID": "AC" + "b" * 32, "TWILIO_AUTH_TOKEN": "own"},
            [("AC" + "b" * 32, ZEROS), ("AC" + "b" * 32, "own")],
            id="an account of its own",
        ),
    ],
)
def test_programs_own_account_is_preferred(environ: dict[str, str], candidates: list[tuple[str, str]]) -> None:
    assert list(env.candidates(environ)) == candidates


@pytest.mark.parametrize("entry", ["*", "twilio.com", ".twilio.com", "*.Twilio.com", "api.twilio.com:443", "com"])
def test_no_proxy_for_twilio_is_removed(entry: str) -> None:
    """The notes list them."""
    attachment = attached(ANY, {"no_proxy": f"intranet,{entry}"})

    assert attachment.variables["no_proxy"] == "intranet,localhost,127.0.0.1,::1"
    assert attachment.notes[-1] == f"removed from NO_PROXY, because it includes api.twilio.com: {entry}"


@pytest.mark.parametrize("entry", ["eviltwilio.com", "example.com", "::1", ".", "voice.twilio.com", "127.0.0.1:80"])
def test_other_no_proxy_entries_are_kept(entry: str) -> None:
    attachment = attached(ANY, {"NO_PROXY": entry})

    assert entry in attachment.variables["NO_PROXY"].split(",")
    assert "removed from NO_PROXY" not in "".join(attachment.notes)


@pytest.mark.parametrize(
    ("told", "url", "reachable"),
    [
        ("http://127.0.0.1:2012", "http://emulator:2010", "http://emulator:2012"),
        ("http://127.0.0.1:2012", "http://[fd00::7]:2010", "http://[fd00::7]:2012"),
        ("http://127.0.0.1:2012", "http://localhost:2010", "http://127.0.0.1:2012"),
        ("http://10.0.0.7:2012", "http://emulator:2010", "http://10.0.0.7:2012"),
    ],
)
def test_loopback_address_of_remote_emulator(told: str, url: str, reachable: str) -> None:
    """It is replaced by the host of the emulator's URL."""
    assert probes._reachable(told, url) == reachable


# --- the files


def test_trusted_certificates_are_kept(tmp_path: Path) -> None:
    company = tmp_path / "company.pem"
    company.write_text(THEIRS)
    first = attached(ANY, {"SSL_CERT_FILE": str(company)}, folder=str(tmp_path / "made"))
    cert_files.write(first)
    again = attached(ANY, first.variables)

    for attachment in (first, again):
        bundle = attachment.files["bundle.pem"].decode()
        assert bundle.startswith(THEIRS)
        assert bundle.endswith(OURS)
        found = trust_bundle.certificates(bundle)
        assert (found[0], found[-1], len(found) == len(set(found))) == ("VGhlaXJz", "T3Vycw==", True)
        assert set(trust_bundle.certificates(attached(ANY).files["bundle.pem"].decode())) < set(found)


def test_ca_of_an_earlier_start_is_dropped(tmp_path: Path) -> None:
    first = attached(ANY, folder=str(tmp_path))
    cert_files.write(first)
    later = EmulatorInfo(url=EMULATOR.url, proxy=EMULATOR.proxy, ca=OURS.replace("T3Vycw==", "TGF0ZXI="))
    files = attached(ANY, first.variables, emulator=later).files

    assert trust_bundle.certificates(files["ca.pem"].decode()) == ["TGF0ZXI="]
    assert b"T3Vycw==" not in files["bundle.pem"]


def test_bundle_joins_all_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Variables, system, certifi and the emulator's CA."""
    extra = tmp_path / "extra.pem"
    extra.write_text(THEIRS)
    monkeypatch.setattr(trust_bundle, "_system_roots", lambda: ["c3lzdGVt"])
    monkeypatch.setattr(trust_bundle, "_certifi_roots", lambda: ["Y2VydGlmaQ==", "c3lzdGVt"])
    bundle = attached(ANY, {"NODE_EXTRA_CA_CERTS": str(extra)}).files["bundle.pem"].decode()

    assert trust_bundle.certificates(bundle) == ["VGhlaXJz", "c3lzdGVt", "Y2VydGlmaQ==", "T3Vycw=="]


def test_bundle_begins_with_system_roots() -> None:
    bundle = attached(ANY).files["bundle.pem"].decode()

    assert len(trust_bundle.certificates(bundle)) > 10
    assert ssl.create_default_context(cadata=bundle.partition(trust_bundle.OURS)[0]).cert_store_stats()["x509_ca"] > 10


def test_files_are_private_and_complete(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "a"
    attachment = attached(LIBRARIES["php"], folder=str(folder))
    cert_files.write(attachment)
    cert_files.write(attachment)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.pem", "ca.pem", "php"]
    assert (folder / "php" / "twilio-udm-emulator.ini").read_text().startswith(f'curl.cainfo = "{folder}/bundle.pem"\n')


def test_writable_directory_is_rejected(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(AttachError, match="choose another directory with --dir"):
        cert_files.write(attached(ANY, folder=str(folder)))


def test_directory_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AttachError, match=r"cannot write .* \(Not a directory\); choose another directory with --dir"):
        cert_files.write(attached(ANY, folder=str(tmp_path / "file" / "folder")))


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "{}"}, "{}/.cache/twilio-udm-emulator/127.0.0.1-2010"),
        ({"HOME": "/nowhere", "XDG_CACHE_HOME": "{}/x"}, "{}/x/twilio-udm-emulator/127.0.0.1-2010"),
        ({"HOME": "/dev/null", "TMPDIR": "{}"}, f"{{}}/twilio-udm-emulator-{os.getuid()}/127.0.0.1-2010"),
        ({"TMPDIR": "{}"}, f"{{}}/twilio-udm-emulator-{os.getuid()}/127.0.0.1-2010"),
    ],
)
def test_default_directory_is_stable(tmp_path: Path, environ: dict[str, str], folder: str) -> None:
    found = cert_files.default_folder(
        {name: value.format(tmp_path) for name, value in environ.items()}, EMULATOR.url, LIBRARIES["python"]
    )

    assert str(found) == folder.format(tmp_path)


def test_java_reads_the_trust_store(tmp_path: Path) -> None:
    keytool = shutil.which("keytool")
    if keytool is None:
        pytest.skip("there is no keytool: Java's own judge of key stores")
    roots = trust_bundle.certificates(attached(ANY).files["bundle.pem"].decode())[:-1]
    (tmp_path / "store").write_bytes(trust_bundle.java_trust_store(roots))
    done = subprocess.run(
        [keytool, "-list", "-keystore", str(tmp_path / "store"), "-storepass", "changeit"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"contains {len(roots)} entries" in done.stdout, done


# --- the text


@pytest.mark.parametrize("quotes", ['"', ""], ids=["quoted", "without quotes"])
def test_sh_output_survives_eval(quotes: str) -> None:
    attachment = attached(LIBRARIES["java"], folder="/with space/$HOME/`a'b\"/")
    text = env.render(attachment, "sh")
    script = f'text=$(cat); eval {quotes}$text{quotes}; printf %s "$JAVA_TOOL_OPTIONS|$TWILIO_AUTH_TOKEN"'
    done = subprocess.run(["sh", "-c", script], input=text, capture_output=True, text=True, check=True)

    assert done.stdout == f"{attachment.variables['JAVA_TOOL_OPTIONS']}|{ZEROS}"


def test_dotenv_is_plain_where_it_can_be() -> None:
    text = env.render(attached(LIBRARIES["docker"]), "dotenv")

    assert "HTTPS_PROXY=http://host.docker.internal:2012\n" in text
    assert "'" not in text
    assert "SSL_CERT_FILE='/a b/bundle.pem'\n" in env.render(attached(ANY, folder="/a b"), "dotenv")
    assert 'SSL_CERT_FILE="/a\'\\$b/bundle.pem"\n' in env.render(attached(ANY, folder="/a'$b"), "dotenv")


def test_json_has_everything() -> None:
    told = json.loads(env.render(attached(LIBRARIES["python"]), "json"))

    assert told["library"] == "python"
    assert told["files"]["bundle.pem"] == told["variables"]["REQUESTS_CA_BUNDLE"] == "/folder/bundle.pem"
    assert told["notes"]


# --- the command


def command(
    capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str] | None = None
) -> tuple[int, str, str]:
    out = io.StringIO()
    code = run(argv, environ or {}, out)
    return code, out.getvalue(), capsys.readouterr().err


@pytest.mark.parametrize(
    "start", [[str(Path(sys.executable).with_name("twilio-udm-emulator"))], [sys.executable, "-m", "emulator"]]
)
def test_commands_work_without_path(tmp_path: Path, start: list[str]) -> None:
    """`env` of an emulator that is not there prints how to start one; that command runs in the same shell."""
    environ = {"PATH": os.defpath, "HOME": str(tmp_path)}
    env = [*start, "env", "--url", "http://127.0.0.1:1"]
    done = subprocess.run(env, env=environ, capture_output=True, text=True, check=False)
    printed = done.stderr.partition("start it with: ")[2].strip()
    pasted = subprocess.run(f"{printed} --help", shell=True, env=environ, capture_output=True, text=True, check=False)

    assert printed.startswith(" ".join(start))
    assert pasted.returncode == 0, pasted.stderr
    assert f"\n  {' '.join(start)} serve --port 0 " in pasted.stdout


@pytest.mark.parametrize("name", ["env", "doctor"])
@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["pyhton"], "argument library: unknown library 'pyhton'; did you mean python?"),
        (["xyzzy"], f"argument library: unknown library 'xyzzy'; the libraries are {', '.join(LIBRARIES)}"),
        (["--url", "127.0.0.1"], "127.0.0.1: expected a URL like http://127.0.0.1:2010"),
        (["--url", "https://127.0.0.1:1"], "https://127.0.0.1:1: expected its HTTP URL"),
        (
            ["--url", "http://127.0.0.1:1"],
            f"http://127.0.0.1:1: [Errno 111] Connection refused; start it with: {START}",
        ),
    ],
)
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], name: str, argv: list[str], error: str) -> None:
    code, out, err = command(capsys, [name, *argv])

    assert (code, out) == (2, "")
    assert err.startswith(f"twilio-udm-emulator: {error}")
    assert err.count("\n") == 1


def test_env_and_doctor_start_fast() -> None:
    heavy = {"fastapi", "pydantic", "uvicorn", "cryptography", "urllib.request", "http.client", "asyncio", "subprocess"}
    script = "import sys, emulator.cli; from emulator.commands import cert_files, doctor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert not heavy & set(done.stdout.split())


@pytest.fixture(scope="module")
def with_proxy() -> Iterator[str]:
    with Command("--port", "0", "--tls-port", "0", "--proxy-port", "0") as running:
        yield running.site().url


def test_env_writes_the_files_it_names(capsys: pytest.CaptureFixture[str], with_proxy: str, tmp_path: Path) -> None:
    code, out, err = command(
        capsys, ["env", "python", "--url", with_proxy, "--dir", str(tmp_path / "made"), "--format", "json"]
    )

    assert (code, err) == (0, "")
    told = json.loads(out)
    for path in told["files"].values():
        assert "BEGIN CERTIFICATE" in Path(path).read_text()


def test_env_without_proxy_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Command("--port", "0") as running:
        code, out, err = command(capsys, ["env", "--url", running.site().url, "--dir", str(tmp_path / "made")])

    assert (code, out) == (2, "")
    assert err.endswith("start it with: twilio-udm-emulator serve --tls-port 2011 --proxy-port 2012\n")
    assert not (tmp_path / "made").exists()
