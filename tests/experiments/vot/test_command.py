import configparser
import sys
from pathlib import Path

from experiments.__main__ import main


def test_the_section_for_the_toolkit_starts_this_command(capsys):
    assert main(["vot", "--tracker", "gray", "--ini"]) == 0
    section = configparser.ConfigParser()
    section.read_string(capsys.readouterr().out)
    assert section["gray"]["protocol"] == "trax"
    assert section["gray"]["command"].startswith(f"{sys.executable} -m experiments vot --tracker gray")
    assert Path(section["gray"]["env_pythonpath"], "experiments", "__main__.py").is_file()


def test_without_the_package_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "trax", None)
    assert main(["vot", "--tracker", "identity"]) == 2
    assert "requirements-vot.txt" in capsys.readouterr().err
