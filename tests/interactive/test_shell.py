# SPDX-License-Identifier: MIT
"""A person at the shell: job control, editing keys, programs that own the screen. HATI_TEST_KERNEL says on which kernel.

One machine serves all tests; each begins at a fresh prompt. A test that fails gets the machine replaced.
"""

import os
import unittest

from hati.common import ROOT
from hati.console import PROMPT, Console

KERNEL = os.environ["HATI_TEST_KERNEL"]
BOOT = f"{ROOT}/hati boot --kernel {KERNEL} --cpus 2 --timeout 600 --append"
CTRL_C, CTRL_D, CTRL_U, CTRL_Z, UP, LEFT, TAB = "\x03", "\x04", "\x15", "\x1a", "\x1b[A", "\x1b[D", "\t"


def boot_to_prompt() -> Console:
    console = Console([*BOOT.split(), "quiet"])
    console.wait_for(PROMPT, 60)
    # A line as wide as any command, so that the shell's editor shows each on one line.
    console.type("stty cols 400 rows 24\r")
    console.wait_for(PROMPT)
    return console


class ShellTest(unittest.TestCase):
    console: Console | None = None

    @classmethod
    def tearDownClass(cls):
        if cls.console:
            cls.console.close()
            cls.console = None

    def run(self, result=None):
        """Takes the machine away from the next test when this one has left it in an unknown state."""
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            self.tearDownClass()

    def setUp(self):
        cls = type(self)
        if cls.console is None:
            cls.console = boot_to_prompt()
        self.shell = cls.console
        self.shell.unread = ""

    def runs(self, line: str, expected: str = "", seconds: float = 20) -> str:
        """Types a command and checks what it prints: exactly `expected`, unless that is empty."""
        output = self.shell.command(line, seconds)
        if expected:
            self.assertEqual(output, expected)
        return output

    def foreground(self, command: str) -> None:
        """Starts a program and waits until it runs: keys pressed before are the line editor's, not signals."""
        self.shell.type(f"sh -c 'echo rea\"\"dy; exec {command}'\r")
        self.shell.wait_for(r"\nready\r*\n")

    # --- typing and editing

    def test_typed_text_is_echoed_once(self):
        self.shell.type("echo abc")
        self.shell.wait_for("echo abc")
        self.shell.type("\r")
        self.assertEqual(self.shell.until_prompt().strip(), "abc")

    def test_backspace_and_kill_line(self):
        self.shell.type("echo wrongX\x7f\x7f\x7f\x7f\x7f\x7fright\r")
        self.shell.wait_for(r"\nright\r*\n")
        self.shell.wait_for(PROMPT)
        self.shell.type("never run" + CTRL_U + "echo after kill\r")
        self.shell.wait_for(r"\nafter kill\r*\n")
        self.shell.wait_for(PROMPT)

    def test_arrow_up_brings_the_last_command_back(self):
        self.runs("echo $((21 + 21)) history", "42 history")
        self.shell.type(UP)
        self.shell.wait_for(r"echo \$\(\(21 \+ 21\)\) history")
        self.shell.type("\r")
        self.assertIn("42 history", self.shell.until_prompt())

    def test_arrow_up_twice_brings_back_a_pipeline(self):
        self.runs("echo one two | wc -w | sed s/2/zwei/", "zwei")
        self.runs("true")
        self.shell.type(UP + UP + "\r")
        self.shell.wait_for(r"\nzwei\r*\n")
        self.shell.wait_for(PROMPT)

    def test_left_arrow_inserts_in_the_middle(self):
        self.shell.type("echo ac" + LEFT + "b\r")
        self.shell.wait_for(r"\nabc\r*\n")
        self.shell.wait_for(PROMPT)

    def test_tab_completes_a_path(self):
        self.shell.type("cat /etc/hostn" + TAB + "\r")
        self.shell.wait_for(r"\nhati\r*\n")
        self.shell.wait_for(PROMPT)

    def test_long_lines_and_much_output_arrive_whole(self):
        line = "echo " + "0123456789" * 30
        self.runs(f"{line} | wc -c", "301")
        self.assertEqual(self.runs("seq 2000", seconds=40).split(), [str(n) for n in range(1, 2001)])

    def test_cat_reads_lines_until_control_d(self):
        self.shell.type("echo rea''dy; cat > /tmp/typed\r")
        self.shell.wait_for(r"\nready\r*\n")
        self.shell.type("first\rsecomd\x7f\x7fnd\r" + CTRL_D)
        self.shell.wait_for(PROMPT)
        self.runs("cat /tmp/typed", "first\nsecond")

    # --- job control

    def test_control_c_ends_the_foreground_program(self):
        self.foreground("sleep 1000")
        self.shell.type(CTRL_C)
        self.shell.wait_for(r"\^C")
        self.shell.wait_for(PROMPT, 5)
        self.runs("echo $?", "130")

    def test_control_c_ends_a_whole_pipeline(self):
        self.shell.type("(echo rea''dy; sleep 1000) | cat | cat\r")
        self.shell.wait_for(r"\nready\r*\n")
        self.shell.type(CTRL_C)
        self.shell.wait_for(PROMPT, 5)
        self.assertEqual(self.runs("ps | grep -c '[s]leep 1000'"), "0")

    def test_control_c_at_the_prompt_gives_a_new_prompt(self):
        self.shell.type("half a comm" + CTRL_C)
        self.shell.wait_for(PROMPT, 5)
        self.runs("echo alive", "alive")

    def test_control_backslash_quits(self):
        self.foreground("sleep 1000")
        self.shell.type("\x1c")
        self.shell.wait_for(PROMPT, 5)
        self.runs("echo $?", "131")

    def test_stop_list_background_foreground(self):
        self.foreground("sleep 1000")
        self.shell.type(CTRL_Z)
        self.shell.wait_for(r"\[1\]\+ +Stopped +sh -c", 5)
        self.shell.wait_for(PROMPT)
        self.assertRegex(self.runs("jobs"), r"\[1\]\+ +Stopped +sh -c")
        self.assertRegex(self.runs("ps -o stat,args | grep '[s]leep 1000'"), r"^T")
        self.runs("bg")
        self.assertRegex(self.runs("jobs"), r"\[1\]\+ +Running +sh -c")
        self.assertRegex(self.runs("ps -o stat,args | grep '[s]leep 1000'"), r"^S")
        self.shell.type("fg\r")
        self.shell.wait_for(r"fg\r*\nsh -c .*\n")
        self.shell.type(CTRL_C)
        self.shell.wait_for(PROMPT, 5)
        self.assertEqual(self.runs("jobs"), "")

    def test_background_pipeline_reports_done(self):
        self.runs("(sleep 0.2; echo from the background) | cat > /tmp/result &")
        self.runs("wait; cat /tmp/result; rm /tmp/result")
        self.assertNotIn("Running", self.runs("jobs"))

    def test_background_reader_is_stopped_by_the_terminal(self):
        self.runs("cat &")
        output = self.runs("sleep 0.3; jobs") + self.runs("jobs")
        self.assertRegex(output, r"Stopped \(tty input\) +cat")
        self.runs("kill %1; wait %1 2>/dev/null; fg 2>/dev/null; true")
        self.assertNotIn("cat", self.runs("jobs"))

    def test_several_jobs_are_told_apart(self):
        self.runs("sleep 501 & sleep 502 & sleep 503 &")
        jobs = self.runs("jobs")
        for number in (1, 2, 3):
            self.assertRegex(jobs, rf"\[{number}\].*sleep 50{number}")
        self.runs("kill %2; wait %2")
        self.assertNotIn("sleep 502", self.runs("jobs"))
        self.runs("kill %1 %3; wait")
        self.assertEqual(self.runs("jobs"), "")

    def test_orphaned_background_job_goes_on(self):
        self.runs("sh -c '(sleep 1; echo survived > /tmp/orphan) &'")
        self.runs("while [ ! -s /tmp/orphan ]; do sleep 0.1; done; cat /tmp/orphan; rm /tmp/orphan", "survived")

    def test_stopped_orphans_are_hung_up(self):
        # A stopped job whose parent, an interactive shell, ends becomes an orphaned group: SIGHUP, then SIGCONT.
        script = "trap \"echo hung up > /tmp/fate; exit\" HUP; kill -STOP $$; sleep 5"
        self.shell.type(f"sh -c 'set -m; sh -c '\\''{script}'\\'' & sleep 0.5'\r")
        self.shell.wait_for(PROMPT, 10)
        self.runs("for i in 1 2 3 4 5 6 7 8 9; do [ -s /tmp/fate ] && break; sleep 0.2; done; cat /tmp/fate; rm /tmp/fate",
                  "hung up")

    # --- programs

    def test_listing_of_proc(self):
        output = self.runs("ls -l /proc | head")
        self.assertEqual(len(output.splitlines()), 10)
        self.assertRegex(output, r"(?m)^dr-xr-xr-x +\d+ root +root +0 .* 1$")

    def test_cpuinfo_names_both_processors(self):
        output = self.runs("cat /proc/cpuinfo")
        self.assertEqual(output.count("processor\t:"), 2)
        self.assertRegex(output, r"(?m)^flags\t+: .*\bfpu\b.*\blm\b")

    def test_top_shows_processes_until_q(self):
        self.shell.type("top -d 1\r")
        self.shell.wait_for("Load average", 10)
        self.shell.wait_for("PID +PPID", 10)
        self.shell.wait_for("Load average", 10)
        self.shell.type("q")
        self.shell.wait_for(PROMPT, 10)
        self.runs("echo sane", "sane")

    def test_top_stops_and_resumes(self):
        # Without -b, busybox's top turns the signal keys off and ignores ^Z; on Linux too.
        self.shell.type("top -b -d 1\r")
        self.shell.wait_for("Load average", 10)
        self.shell.type(CTRL_Z)
        self.shell.wait_for(r"Stopped +top", 5)
        self.shell.wait_for(PROMPT)
        self.shell.type("fg\r")
        self.shell.wait_for("Load average", 10)
        self.shell.wait_for("Load average", 10)
        self.shell.type(CTRL_C)
        self.shell.wait_for(PROMPT, 10)
        self.runs("echo sane", "sane")

    def test_vi_edits_a_file(self):
        self.shell.type("vi /tmp/note\r")
        self.shell.wait_for("/tmp/note", 10)
        self.shell.type("ihello from vi")
        self.shell.wait_for("hello from vi")
        self.shell.type("\x1b")
        self.shell.wait_for(r"- /tmp/note \[Modified\]")
        self.shell.type(":wq\r")
        self.shell.wait_for(PROMPT, 10)
        self.runs("cat /tmp/note; rm /tmp/note", "hello from vi")

    def test_script_with_functions_and_traps(self):
        lines = ["#!/bin/sh", "greet() { echo \"hello $1\"; return 3; }", "trap 'echo leaving' EXIT",
                 "trap 'echo caught; kept=yes' USR1", "greet world", "echo status $?", "kill -USR1 $$", "echo kept=$kept",
                 "for i in 1 2 3; do printf %s $i; done; echo", "case abc in a*) echo matched;; esac"]
        self.type_file("/tmp/script", lines)
        self.runs("chmod +x /tmp/script; /tmp/script; rm /tmp/script",
                  "hello world\nstatus 3\ncaught\nkept=yes\n123\nmatched\nleaving")

    def test_pipelines_redirections_and_substitution(self):
        self.runs("echo $(seq 5 | awk '{s += $1} END {print s}') $(cat /etc/hostname | tr a-z A-Z)", "15 HATI")
        self.runs("ls /nonexistent 2>&1 | grep -c 'No such file'", "1")
        self.runs("sh -c 'exit 7'; echo $?", "7")

    def test_terminal_settings_survive_a_program(self):
        before = self.runs("stty -a")
        self.assertIn("isig icanon", before)
        self.runs("sh -c 'stty raw -echo; stty sane'")
        self.assertIn("isig icanon", self.runs("stty -a"))

    def test_pidof_finds_and_kill_ends_a_process(self):
        self.runs("sleep 777 &")
        pid = self.runs("pidof sleep")
        self.assertRegex(pid, r"^\d+$")
        self.assertIn("137", self.runs(f"kill -9 {pid}; wait {pid}; echo $?").splitlines())
        self.assertEqual(self.runs("pidof sleep"), "")

    def type_file(self, path: str, lines: list[str]) -> None:
        self.shell.type(f"echo rea''dy; cat > {path}\r")
        self.shell.wait_for(r"\nready\r*\n")
        for line in lines:
            self.shell.type(line + "\r")
        self.shell.type(CTRL_D)
        self.shell.wait_for(PROMPT)


class LeavingTest(unittest.TestCase):
    """The ways out; each needs a machine of its own."""

    def test_poweroff_ends_with_status_0(self):
        with boot_to_prompt() as console:
            console.type("poweroff -f\r")
            self.assertEqual(console.wait_end(20), 0)

    def test_poweroff_through_process_1_ends_with_status_0(self):
        with boot_to_prompt() as console:
            console.type("poweroff\r")
            self.assertEqual(console.wait_end(40), 0)

    def test_after_leaving_the_shell_there_is_another(self):
        with boot_to_prompt() as console:
            before = console.command("echo $$").strip()
            console.type("exit\r")
            console.wait_for(PROMPT)
            self.assertNotEqual(console.command("echo $$").strip(), before)
            # With job control, as the first had it.
            console.type("sh -c 'echo rea\"\"dy; exec sleep 1000'\r")
            console.wait_for(r"\nready\r*\n")
            console.type(CTRL_Z)
            console.wait_for("Stopped")
            console.wait_for(PROMPT)
            console.type("poweroff -f\r")
            self.assertEqual(console.wait_end(20), 0)

    def test_control_a_x_leaves_qemu_with_status_6_and_the_terminal_as_it_was(self):
        with Console(["sh", "-c", "stty -a; read go; " + BOOT + " quiet; echo status $?; stty -a"]) as console:
            before = console.wait_for(r"(?s)speed.*?-extproc\r?\n")[0]
            console.type("\r")
            console.wait_for(PROMPT, 60)
            console.type("\x01x")
            console.wait_for("status 6")
            self.assertEqual(console.wait_for(r"(?s)speed.*?-extproc\r?\n")[0], before)
