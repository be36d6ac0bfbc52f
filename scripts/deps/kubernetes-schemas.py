"""Copies JSON schemas of Kubernetes to where kubeconform reads them: kubernetes-schemas.py <from> <to>.

Their addresses name a server. Without them, schemas refer to each other by the names of their files.
"""

import json
import pathlib
import sys

source, target = map(pathlib.Path, sys.argv[1:])
for file in source.glob("*.json"):
    schema = json.loads(file.read_text())
    schema.pop("$id", None)
    text = json.dumps(schema).replace("/api/_definitions.json", "_definitions.json")
    (target / file.name).write_text(text)
