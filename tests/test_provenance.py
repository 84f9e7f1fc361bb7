"""The birth certificate of a run: versions, commit and machine."""

import getpass
import json
import socket
from pathlib import Path

from retort.provenance import provenance, utc_now


def test_provenance_has_versions_commit_and_machine_but_neither_user_nor_host() -> None:
    record = json.dumps(provenance())
    assert json.loads(record)["packages"]["torch"]
    assert str(Path.home()) not in record
    assert socket.gethostname() not in record
    assert getpass.getuser() not in json.loads(record)["machine"].values()
    assert utc_now().endswith("+00:00")
