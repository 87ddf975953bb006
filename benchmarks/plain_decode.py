"""The least that reading transcripts can cost: every line decoded to its type, on one core, nothing kept."""

import sys
from pathlib import Path

import msgspec

from learning_pipeline.sources.claude_code.rows import Row

decoder = msgspec.json.Decoder(Row)
lines = 0
for path in sorted(Path(sys.argv[1]).rglob("*.jsonl")):
    for line in path.read_bytes().split(b"\n"):
        if line:
            try:
                decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            lines += 1
print(lines)
