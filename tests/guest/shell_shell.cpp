// SPDX-License-Identifier: MIT
// The language of busybox's shell, run unmodified: pipelines, redirection, expansion, traps, jobs.
#include "shell.h"

#define FAMILY "shell"

namespace {
constexpr char kApplets[] = "/tmp/guest-applets";

void enter_shell(const char* script) {
  if (!exists(kApplets)) {
    must(mkdir(kApplets, 0755));
    const pid_t pid = spawn([] {
      execl("/bin/busybox", "busybox", "--install", "-s", kApplets, nullptr);
      _exit(127);
    });
    CHECK_CHILD_OK(pid);
  }
  setenv("PATH", kApplets, 1);
  setenv("HOME", "/", 1);
  setenv("LC_ALL", "C", 1);
  setenv("TZ", "UTC", 1);
  unsetenv("ENV");
  unsetenv("PWD");
  execl("/bin/busybox", "sh", "-c", script, "script", "first", "second argument", nullptr);
  _exit(127);
}
}  // namespace

int run_script(const char* script, const char* expected, const char* file, int line) {
  if (access("/bin/busybox", X_OK) != 0) skip("no /bin/busybox");
  static char out[65536];
  int fds[2];
  must(pipe(fds));
  const pid_t pid = spawn([&] {
    must(dup2(fds[1], STDOUT_FILENO));
    must(dup2(fds[1], STDERR_FILENO));
    close(fds[0]);
    close(fds[1]);
    enter_shell(script);
  });
  close(fds[1]);
  size_t used = 0;
  ssize_t n;
  while (used + 1 < sizeof out && (n = read(fds[0], out + used, sizeof out - 1 - used)) != 0) {
    if (n > 0) used += static_cast<size_t>(n);
  }
  out[used] = '\0';
  const int status = wait_status(pid);
  if (strcmp(out, expected) != 0) {
    size_t at = 0;
    while (out[at] == expected[at]) ++at;
    fail(file, line, "output differs at byte %zu: got \"%.100s\", expected \"%.100s\"", at, out + at, expected + at);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

SCRIPT(echo, "echo hello world", "hello world\n")
SCRIPT(arguments, "echo $0 $# \"$1\" \"$2\"; shift; echo $#", "script 2 first second argument\n1\n")
SCRIPT(pipeline, "echo one two three | tr ' ' '\\n' | sort | head -n 2", "one\nthree\n")
SCRIPT(long_pipeline, "seq 1 1000 | grep 7 | sed s/7/x/ | tr -d x | wc -l", "271\n")
SCRIPT(redirection, "echo a > f; echo b >> f; cat < f; wc -c < f", "a\nb\n4\n")
SCRIPT(redirection_of_descriptors, "{ echo out; echo err >&2; } 2>&1 >f | sed s/^/e:/; cat f; exec 3<f; read x <&3; echo $x",
       "e:err\nout\nout\n")
SCRIPT(here_document, "v=5; cat <<END\nvalue $v $((v * 2)) `echo cmd`\nEND\ncat <<'END'\nraw $v\nEND", "value 5 10 cmd\nraw $v\n")
SCRIPT(command_substitution, "x=$(echo a; echo b); echo \"[$x]\"; echo $(echo $(echo nested))", "[a\nb]\nnested\n")
SCRIPT(arithmetic,
       "echo $((7 * 6)) $((17 % 5)) $((1 << 10)) $((0x1f)) $((3 > 2 ? 10 : 20)); i=0; while [ $i "
       "-lt 5 ]; do i=$((i+1)); done; echo $i",
       "42 2 1024 31 10\n5\n")
SCRIPT(functions, "f() { local x=$1; echo in $x; return 3; }; x=outer; f inner; echo $? $x", "in inner\n3 outer\n")
SCRIPT(recursion, "fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1 - 1))) )); fi; }; fact 10", "3628800\n")
SCRIPT(loops,
       "for i in a b c; do [ $i = b ] && continue; echo $i; done; i=3; until [ $i = 0 ]; do echo "
       "$i; i=$((i-1)); done",
       "a\nc\n3\n2\n1\n")
SCRIPT(case_statement,
       "for w in apple banana 42; do case $w in a*) echo fruit-a;; [0-9]*) echo number;; *) echo "
       "other;; esac; done",
       "fruit-a\nother\nnumber\n")
SCRIPT(expansion, "v=file.tar.gz; echo ${v%.gz} ${v##*.} ${#v} ${unset:-default} ${v/tar/zip}; echo \"$@\"",
       "file.tar gz 11 default file.zip.gz\nfirst second argument\n")
SCRIPT(globbing, "touch b.x a.x c.y; echo *.x; echo ?.y; echo *.none; mkdir d; touch d/e; echo */*", "a.x b.x\nc.y\n*.none\nd/e\n")
SCRIPT(quoting, "a='x  y'; echo $a; echo \"$a\"; echo '$a' \\$a; printf '%s|' $a \"$a\"; echo", "x y\nx  y\n$a $a\nx|y|x  y|\n")
SCRIPT(exit_status,
       "true; echo $?; false; echo $?; sh -c 'exit 7'; echo $?; nosuchcommand 2>/dev/null; echo "
       "$?; sh -c 'kill -9 $$'; echo $?",
       "0\n1\n7\n127\nKilled\n137\n")
SCRIPT(not_executable, "echo x > f; ./f 2>/dev/null; echo $?", "126\n")
SCRIPT(script_file, "printf '#!/bin/busybox sh\\necho script $1\\n' > s; chmod +x s; ./s arg", "script arg\n")
SCRIPT(script_without_interpreter_line, "echo 'echo plain $1' > s; chmod +x s; ./s arg", "plain arg\n")
SCRIPT(lists,
       "true && echo yes || echo no; false && echo yes || echo no; ! false; echo $?; { echo g; }; "
       "(x=1; exit 4); echo $?",
       "yes\nno\n0\ng\n4\n")
SCRIPT(subshell_isolation, "x=1; (x=2; cd /; echo $x $PWD); echo $x; a=$(pwd); [ $a != / ] && echo kept", "2 /\n1\nkept\n")
SCRIPT(traps, "trap 'echo exiting' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; echo after", "usr1\nafter\nexiting\n")
SCRIPT(trap_ignores, "trap '' TERM; kill -TERM $$; echo alive; sh -c 'kill -TERM $$; echo inherited'", "alive\ninherited\n")
SCRIPT(trap_interrupts_wait,
       "trap 'echo got' USR1; (sleep 0.2; kill -USR1 $$) & sleep 5 & wait $!; echo $?; kill %2 2>/dev/null; "
       "true",
       "got\n138\n")
SCRIPT(background_and_wait, "sleep 0.1 & a=$!; (exit 5) & b=$!; wait $a; echo $?; wait $b; echo $?; wait; echo done", "0\n5\ndone\n")
SCRIPT(background_pipeline, "(seq 1 5 | while read n; do echo n$n; done > f) & wait; cat f", "n1\nn2\nn3\nn4\nn5\n")
SCRIPT(kill_background, "exec 2>/dev/null; sleep 100 & kill $!; wait $!; echo $?", "143\n")
SCRIPT(while_read,
       "printf 'a 1\\nb 2\\n' | while read name value; do echo $value-$name; done; echo 'x:y:z' "
       "| { IFS=: read p q; echo $q; }",
       "1-a\n2-b\ny:z\n")
SCRIPT(set_options,
       "set -e; (set +e; false; echo go on); set -u; (echo $undefined) 2>/dev/null || echo unset; "
       "set -- p q; echo $2",
       "go on\nunset\nq\n")
SCRIPT(export_environment, "export A=1; B=2; sh -c 'echo $A-$B-$C' ; C=3 sh -c 'echo $C'; env | grep ^A=", "1--\n3\nA=1\n")
SCRIPT(cd_and_pwd, "mkdir -p x/y; cd x/y; basename $(pwd); cd ..; basename $PWD; cd - > /dev/null; basename $PWD", "y\nx\ny\n")
SCRIPT(test_operators,
       "touch f; mkdir d; ln -s f l; [ -f f ] && [ -d d ] && [ -L l ] && [ ! -s f ] && [ -e l ] "
       "&& [ -x d ] && [ 3 -gt 2 ] && [ abc != abd ] && [ -z '' ] && echo all",
       "all\n")
SCRIPT(ulimit, "ulimit -n 50; ulimit -n; ulimit -c 0; ulimit -c", "50\n0\n")
SCRIPT(umask, "umask 077; touch f; mkdir d; stat -c %a f d; umask", "600\n700\n0077\n")
SCRIPT(times_and_type, "times | wc -l; type cd; command -v cd; type nosuch || true", "2\ncd is a shell builtin\ncd\nnosuch: not found\n")
SCRIPT(getopts, "set -- -a -b val rest; while getopts ab: o; do echo $o $OPTARG; done; shift $((OPTIND-1)); echo $1", "a\nb val\nrest\n")
SCRIPT(eval_and_source, "eval 'x=5; echo $x'; echo 'y=7' > lib; . ./lib; echo $y", "5\n7\n")
SCRIPT(exec_replaces, "exec echo replaced; echo never", "replaced\n")
SCRIPT(exec_redirects, "exec 3>&1 > f; echo inside; exec >&3; cat f", "inside\n")
SCRIPT(fifo_between_jobs, "mkfifo p; (echo through > p) & cat p; wait", "through\n")
SCRIPT(dev_files,
       "echo x > /dev/null; head -c 3 /dev/zero | od -An -tx1; echo full > /dev/full; head -c 4 "
       "/dev/urandom | wc -c",
       " 00 00 00\nsh: write error: No space left on device\n4\n")
SCRIPT(large_command_substitution, "x=$(seq 1 20000); echo ${#x}", "108893\n")
SCRIPT(many_forks, "i=0; while [ $i -lt 60 ]; do /bin/busybox true; i=$((i+1)); done; echo $i", "60\n")
SCRIPT(nested_shells, "sh -c 'sh -c \"sh -c \\\"echo deep\\\"\"'", "deep\n")
