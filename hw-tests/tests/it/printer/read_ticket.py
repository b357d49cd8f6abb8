"""Reads ESC/POS from standard input with emupos, a decoder that is not ours, and writes the first paper as a PBM.

Usage: python3 read_ticket.py FOLDER DOTS, where FOLDER holds emupos, pillow, segno and python-barcode.

emupos is written for Python 3.13 and Debian 12 has 3.11, but its decoder needs nothing newer than the `type`
statement: it is read as the assignment it is short for. Its configuration, which the decoder only names in
annotations, is left out.
"""

import importlib.machinery
import re
import sys
import types


class OlderPython(importlib.machinery.SourceFileLoader):
    """Loads a module whose only new syntax is `type X = ...`."""

    def source_to_code(self, data, path, *, _optimize=-1):
        older = re.sub(rb"(?m)^type (\w+ = )", rb"\1", data)
        return super().source_to_code(older, path, _optimize=_optimize)


def decoder(folder):
    """Returns emupos's tokenizer and print model."""
    sys.dont_write_bytecode = True
    finder = importlib.machinery.FileFinder.path_hook((OlderPython, [".py"]))
    sys.path_hooks.insert(0, lambda path: finder(path) if path.startswith(folder + "/emupos") else not_here(path))
    sys.path.insert(0, folder)
    config = types.ModuleType("emupos.config")
    config.PrinterProfile = config.PrinterId = object
    sys.modules["emupos.config"] = config
    from emupos.printer.escpos import model, tokenizer

    return tokenizer.Tokenizer(), tokenizer, model


def not_here(path):
    raise ImportError(path)


def main():
    folder, dots = sys.argv[1], int(sys.argv[2])
    stream, tokenizer, model = decoder(folder)
    cell = types.SimpleNamespace(width=12, height=24)
    profile = types.SimpleNamespace(
        width_dots=dots, dpi=203, font_a=cell, font_b=cell, code_pages={0: "PC437"}, default_code_page=0
    )
    printer = model.PrintModel("ticket", profile)
    for token in stream.feed(sys.stdin.buffer.read()):
        if isinstance(token, tokenizer.Command) and token.name == "GS V":
            paper = printer.finish("cut")
            if paper is None:
                sys.exit("cut before anything was printed")
            write_pbm(paper.png)
            return
        if isinstance(token, tokenizer.Command) and token.name in ("GS a", "GS r", "DLE EOT"):
            continue
        if isinstance(token, tokenizer.Text):
            sys.exit(f"text on a ticket that has none: {token.data[:16].hex(' ')}")
        for event in printer.process(token):
            sys.exit(f"not understood: {event}")
    sys.exit("nothing was cut")


def write_pbm(png):
    import io

    from PIL import Image

    Image.open(io.BytesIO(png)).convert("1").save(sys.stdout.buffer, format="PPM")


main()
