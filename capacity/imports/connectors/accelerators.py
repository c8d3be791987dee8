"""One chip, five spellings: which of our accelerator types a foreign name most likely means. Pure; only ever a suggestion."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FAMILY = re.compile(
    r"(?<![a-z0-9])(gb300|gb200|gh200|gh100|vr300|vr200|b300|b200|b100|h800|h200|h100|h20|a800|a100|a40|a30|a10g|a10"
    r"|l40s|l40|l20|l4|l2|t4|p100|p40|p4|v100s|v100|k80|m60|mi\d{3}[ax]?|gaudi ?\d|trainium ?\d?|inferentia ?\d?"
    r"|tpu ?v\d+\w*|rtx pro 6000|rtx 6000 ada|rtx a\d000|a6000|a5000|a4000|ascend \d+\w*)(?![a-z0-9])"
)
_SAME = {"a6000": "rtx a6000", "a5000": "rtx a5000", "a4000": "rtx a4000", "rtxpro6000": "rtx pro 6000"}
# HGX boards carry SXM modules; NVLink joins cards of any form and says nothing.
_FORMS = {"sxm": r"sxm|hgx", "pcie": r"pcie", "nvl": r"nvl(?!ink)"}
_MEMORY = re.compile(r"(?<![0-9])(\d{2,3}) ?gb(?![a-z/])")


def family(name: str) -> str:
    """The chip a name speaks of, without maker, form and memory: "NVIDIA H100-SXM-80GB" is "h100"; "" when unknown."""
    text = _plain(name)
    if text.startswith("tpu"):
        text = re.sub(r"^tpu (v\d+)(?:litepod|lite|e)(?![a-z]).*", r"tpu \1e", text)
        text = re.sub(r"^tpu (v\d+p?)(?: \d+)?$", r"tpu \1", text)
    found = _FAMILY.search(text)
    chip = found.group(1) if found else ""
    chip = re.sub(r"^(gaudi|trainium|inferentia|tpu) ?", r"\1 ", chip).strip()
    # The first generation is called with and without its number.
    return {"trainium 1": "trainium", "inferentia 1": "inferentia"}.get(chip, _SAME.get(chip, chip))


def suggest(name: str, types: Mapping[str, str]) -> str:
    """The one key of `types` (key → name) that means the same chip, form and memory as far as both say; "" if not one."""
    wanted = family(name)
    if not wanted:
        return ""
    alike = [key for key, own in types.items() if wanted in (family(own), family(key)) and _agree(name, f"{own} {key}")]
    if len(alike) > 1:
        # Nothing more is said by the name: the type that says nothing more either.
        bare = [key for key in alike if not _form(types[key]) and not _memory(types[key])]
        alike = bare if not _form(name) and not _memory(name) and bare else alike
    return alike[0] if len(alike) == 1 else ""


def _agree(one: str, other: str) -> bool:
    return all(not mine or not theirs or mine == theirs for mine, theirs in (
        (_form(one), _form(other)), (_memory(one), _memory(other))
    ))  # fmt: skip


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip().replace("rtxpro6000ws", "rtx pro 6000")


def _form(name: str) -> str:
    text = name.lower()
    return next((form for form, words in _FORMS.items() if re.search(words, text)), "")


def _memory(name: str) -> str:
    found = _MEMORY.search(re.sub(r"[-_]", " ", name.lower()))
    return found.group(1) if found else ""
