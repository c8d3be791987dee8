"""What files call things of ours: "NVIDIA H100 SXM5 80GB" is h100. Names to keys, and suggestions for unknown names.

An alias is never guessed: somebody wrote it down, or the name stays unknown and the nearest ones are offered.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from capacity.imports.models import Alias

TABLE_OF_KIND = {
    "accelerator_type": "accelerator_types",
    "model": "model_versions",
    "supplier": "suppliers",
    "site": "sites",
    "pool": "pools",
    "workload": "workloads",
    "team": "teams",
    "experiment": "experiments",
}
KIND_OF_TABLE = {table: kind for kind, table in TABLE_OF_KIND.items()}

_NOT_LETTERS = re.compile(r"[\W_]+")
# What makers, form factors and memory sizes add to the name of an accelerator or a model.
_DECORATION = {"nvidia", "amd", "google", "aws", "intel", "instinct", "tensor", "core", "gpu", "gpus", "tpu", "sxm"}
_DECORATION |= {"sxm2", "sxm4", "sxm5", "sxm6", "pcie", "oam", "hbm2", "hbm2e", "hbm3", "hbm3e", "cloud", "inc", "corp"}
_MEMORY = re.compile(r"\d+(gb|gib)")
_MOST_OFFERED = 3


def plain(name: str) -> str:
    """The name in small letters and digits alone."""
    return _NOT_LETTERS.sub("", name.casefold())


@dataclass(frozen=True)
class Aliases:
    """The names of one kind: as written, and plain where only one thing bears the plain name."""

    exact: dict[str, str]
    loose: dict[str, str]

    def find(self, name: str) -> str | None:
        return self.exact.get(name) or self.loose.get(plain(name))

    def __bool__(self) -> bool:
        return bool(self.exact)


def aliases_of(kind: str) -> Aliases:
    exact = dict(Alias.objects.filter(kind=kind).values_list("written", "key"))
    keys: dict[str, set[str]] = defaultdict(set)
    for written, key in exact.items():
        keys[plain(written)].add(key)
    return Aliases(exact=exact, loose={name: next(iter(found)) for name, found in keys.items() if len(found) == 1})


def nearest_keys(name: str, keys: Iterable[str]) -> list[str]:
    """The keys most like the name, the likest first: by letters, and by words without makers and memory sizes."""
    options = {plain(key): key for key in sorted(keys)}
    words = [word for word in _NOT_LETTERS.split(name.casefold()) if word]
    core = plain("".join(word for word in words if word not in _DECORATION and not _MEMORY.fullmatch(word)))
    found = [options[word] for word in (plain(name), core) if word in options]
    for word in (core, plain(name)):
        found += [options[like] for like in difflib.get_close_matches(word, options, n=_MOST_OFFERED, cutoff=0.6)]
    if len(core) >= 2:
        found += [key for word, key in options.items() if word.startswith(core) or core.startswith(word)]
    return list(dict.fromkeys(found))[:_MOST_OFFERED]
