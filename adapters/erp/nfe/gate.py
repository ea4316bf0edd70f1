"""What must agree before a note is taken for issued (erp.md 1.4): as far as the papers themselves can tell.

Left to the engine, which knows the shop: is the issuer ours, is the environment ours, whose order it is.
"""

from typing import Final

from adapters.contract import PayloadMalformed
from adapters.erp.nfe.wire import Note, Protocolled

_SAYS_OTHERWISE: Final = "says otherwise than the access key"


def check_note(note: Note, place: str) -> None:
    """Compare the access key with the fields it is made of. Raises: PayloadMalformed."""
    key, ide = note.key, note.ide
    pairs = {
        "ide.cUF": (ide.cUF, key.state),
        "ide.dhEmi": (ide.year_month, key.year_month),
        "emit": (note.issuer, key.issuer),
        "ide.mod": (ide.mod, key.model),
        "ide.serie": (ide.serie, key.series),
        "ide.nNF": (ide.nNF, key.number),
        "ide.tpEmis": (ide.tpEmis, key.emission),
        "ide.cNF": (ide.cNF, key.code),
        "ide.cDV": (ide.cDV, key.text[43]),
    }
    for field, (said, keyed) in pairs.items():
        if said != keyed:
            raise PayloadMalformed(f"{place}.infNFe.{field}: {_SAYS_OTHERWISE}")


def check_protocol(note: Note, protocol: Protocolled, place: str) -> None:
    """Compare a note with the authority's answer to it. Raises: PayloadMalformed."""
    place = f"{place}.infProt"
    if protocol.chNFe != note.key:
        raise PayloadMalformed(f"{place}.chNFe: is not the note it stands beside")
    if protocol.tpAmb != note.ide.tpAmb:
        raise PayloadMalformed(f"{place}.tpAmb: is not the note's environment")
    if protocol.digVal and note.digest and "".join(protocol.digVal.split()) != note.digest:
        raise PayloadMalformed(f"{place}.digVal: the authority authorized other content than this")


def check_authorization(protocol: Protocolled, place: str) -> None:
    """Refuse an authorization without its number. Raises: PayloadMalformed."""
    if protocol.nProt is None:
        raise PayloadMalformed(f"{place}.infProt.nProt: missing, and without it nothing is authorized")
