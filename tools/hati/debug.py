# SPDX-License-Identifier: MIT
"""`hati debug`: QEMU stopped before the first instruction, with gdb attached and all symbols loaded.

The kernel is linked at its address. Servers are static PIEs; the loader puts each at kServerBase
(abi/call.h) in its own address space, so only one server's symbols can be valid at a time: all are
prepared as gdb commands, `hati-server NAME` switches.
"""

import argparse
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

from . import boot, build, qemu, setup, terminal
from .common import BUILD, ROOT, TOOLS, Failure, say


def server_base() -> int:
    """Where the loader puts servers: the constant of the kernel's interface, read from its header."""
    text = (ROOT / "abi" / "call.h").read_text()
    match = re.search(r"kServerBase = (0x[0-9a-fA-F']+)", text)
    if not match:
        raise Failure("abi/call.h does not say kServerBase any more; mend tools/hati/debug.py")
    return int(match[1].replace("'", ""), 16)


def programs() -> list[Path]:
    """The native servers and drivers that were built."""
    folders = [BUILD / "servers", BUILD / "drivers"]
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())
            if path.is_file() and path.open("rb").read(4) == b"\x7fELF"]


def symbol_commands(first: str) -> str:
    """gdb commands: hati-server NAME forgets the last server's symbols and loads those of NAME."""
    lines = ["define hati-server"]
    for number, program in enumerate(programs()):
        lines.append(f'  {"else" if number else ""}' if number else "")
        lines.append(f'  if $_streq("$arg0", "{program.name}")')
        lines.append(f"    symbol-file {BUILD / 'hati'}")
        lines.append(f"    add-symbol-file {program} -o {server_base():#x}")
    lines += ["  end"] * len(programs())
    lines += ["end", "document hati-server", "hati-server NAME: loads the symbols of a server or driver.",
              f"One of: {' '.join(program.name for program in programs())}", "end"]
    if first and any(program.name == first for program in programs()):
        lines.append(f"hati-server {first}")
    return "\n".join(line for line in lines if line) + "\n"


def command(options) -> int:
    setup.ensure()
    if options.kernel == "hati":
        build.build()
    machine = boot.build_machine(options)
    folder = BUILD / "debug"
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / f"gdb-{os.getpid()}"
    machine.extra += ["-S", "-chardev", f"socket,id=gdb,path={socket},server=on,wait=off", "-gdb", "chardev:gdb"]
    script = folder / f"symbols-{os.getpid()}.gdb"
    symbols = BUILD / "hati" if options.kernel == "hati" else None
    script.write_text(symbol_commands(options.server) if symbols else "")
    gdb = ["gdb", "-q", "-x", TOOLS / "gdb" / "hati.gdb", "-x", script, *(["-ex", f"file {symbols}"] if symbols else []),
           "-ex", f"target remote {socket}", *(word for text in options.ex for word in ("-ex", text))]
    words = [str(word) for word in gdb]
    try:
        if options.print:
            print(shlex.join(machine.command()))
            print(shlex.join(words))
            return 0
        return _console_here(machine, words) if options.console else _gdb_here(machine, words, options.batch)
    finally:
        if not options.print:
            script.unlink(missing_ok=True)
            socket.unlink(missing_ok=True)


def _gdb_here(machine: qemu.Machine, words: list[str], batch: bool) -> int:
    """gdb has this terminal; the guest's console goes to a file."""
    qemu.exit_on_signals()
    log = qemu.log_path("debug")
    say(f"the guest's console goes to {log} (tail -f it); its keyboard is off, see hati debug --console")
    # ^C is for gdb, which then stops the guest: QEMU gets a session of its own and this tool does not listen.
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "start_new_session": True}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with terminal.preserved(), qemu.Running(machine, log, **quiet):
        return subprocess.run([*words, *(["-batch"] if batch else [])], check=False, preexec_fn=_listens).returncode


def _listens() -> None:
    terminal.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _console_here(machine: qemu.Machine, words: list[str]) -> int:
    """The guest has this terminal; gdb is to be started in another one."""
    say(f"the machine is stopped. In another terminal:\n    {shlex.join(words)}")
    return boot.interactive(machine, None)


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "debug", help="start the machine stopped, with gdb attached", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds, starts QEMU stopped, and attaches gdb with the kernel's symbols and one server's at a time.\n"
                    "In gdb: continue; hati-server NAME loads a server's symbols; hati-cpus shows all CPUs; hati-panic\n"
                    "runs to the next kernel panic. Takes the options of hati boot.",
        epilog="example:  hati debug --ex 'hbreak hati::kernel_main' --ex continue")
    boot.add_machine_options(parser)
    parser.add_argument("--server", default="linux", metavar="NAME", help="whose symbols to load first (default linux)")
    parser.add_argument("--ex", action="append", default=[], metavar="COMMAND", help="a gdb command to begin with; may be repeated")
    parser.add_argument("--batch", action="store_true", help="leave gdb after those commands")
    parser.add_argument("--console", action="store_true", help="this terminal is the guest's console; print gdb's command line instead")
    parser.set_defaults(command=command)
