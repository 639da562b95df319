"""The jars of Apache Kafka, fetched once by Maven as `pom.xml` pins them."""

import shutil
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Final

from deploy.complaint import Complaint
from deploy.local import tools
from deploy.local.home import directory, home, need_space
from deploy.local.java import environment
from deploy.progress import Say, task

POM: Final = Path(__file__).with_name("pom.xml")
SPACE_MB: Final = 150


class NoMaven(Complaint):
    """Neither the jars nor Maven are on this machine."""


def version() -> str:
    """The version of Apache Kafka that the pom pins."""
    spaces = {"m": "http://maven.apache.org/POM/4.0.0"}
    found = xml.parse(POM).findtext("m:dependencies/m:dependency[1]/m:version", None, spaces)
    assert found is not None
    return found


def kept() -> Path:
    """Where the jars are, or will be."""
    return home() / "kafka" / version()


def fetch(say: Say, java: str) -> Path:
    """The directory with the jars; fetched with Maven when it is not there. Raises Complaint, NoMaven."""
    target = kept()
    if target.is_dir():
        return target
    maven = shutil.which("mvn")
    if not maven:
        raise NoMaven("Maven (mvn) is not on PATH, and the jars of Apache Kafka are not here yet.")
    parent = directory(target.parent)
    need_space(parent, SPACE_MB, "Apache Kafka")
    half = Path(tempfile.mkdtemp(prefix=f"{version()}.", dir=parent))
    try:
        with task(say, f"fetching Apache Kafka {version()} with Maven"):
            _copy(maven, half, java)
        half.chmod(0o755)
        half.rename(target)
    except OSError:
        if not target.is_dir():  # else another start was quicker, and its jars are as good
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return target


def _copy(maven: str, target: Path, java: str) -> None:
    """Fills a directory with the jars. Maven works in it, and knows it as the place of the pom alone."""
    shutil.copy(POM, target)
    command = [maven, "-q", "-B", "-C", "-f", POM.name, "dependency:copy-dependencies"]
    options = ["-DoutputDirectory=.", "-DincludeScope=runtime"]
    env = environment() if shutil.which("java") else environment(JAVA_HOME=str(Path(java).parents[1]))
    done = tools.run([*command, *options], env, target)
    if done.returncode:
        text = (done.stdout + done.stderr).splitlines()
        lines = [line for line in text if "ERROR" in line] or text[-1:] or ["no reason was given"]
        raise Complaint(f"Maven could not fetch Apache Kafka: {lines[0].strip()[:300]}")
