"""How a payer pays: the Pix code or the boleto's line, as a gateway or the shop gives them."""

from schemas.base import Message, Text


class PaymentInstructions(Message):
    """Any of these. None of them names a person; addresses are links to the provider's own page, image or PDF."""

    pix_code: Text | None = None
    """Pix copia e cola: the text of the QR code (BR Code, EMV QRCPS; begins with 000201)."""
    pix_image_url: Text | None = None
    """Picture of the QR code."""
    boleto_line: Text | None = None
    """Linha digitável: 47 digits (48 of a tax slip), with or without the dots and blanks of the paper."""
    boleto_url: Text | None = None
    """The boleto as a page or PDF."""
