// SPDX-License-Identifier: MIT
// busybox's applets on files, text and the system.
#include "shell.h"

#define FAMILY "shell"

SCRIPT(ls,
       "mkdir d; echo abc > d/f; ln -s f d/l; mkfifo d/p; ls d; ls -l d | awk '{print substr($1,1,10), "
       "$NF}'; ls -a d | head -n 2",
       "f\nl\np\ntotal 4\n-rw-r--r-- f\nlrwxrwxrwx f\nprw-r--r-- p\n.\n..\n")
SCRIPT(cp_mv_rm,
       "echo a > f; cp f g; mv g h; cat h; mkdir d; cp f h d; ls d; cp -r d e; ls e; rm -r d; ls "
       "-d d 2>/dev/null; rm f h; ls",
       "a\nf\nh\nf\nh\ne\n")
SCRIPT(cp_preserves, "echo a > f; chmod 640 f; touch -d '2001-02-03 04:05:06' f; cp -p f g; stat -c '%a %Y' g", "640 981173106\n")
SCRIPT(
    find,
    "mkdir -p a/b; touch a/x.c a/b/y.c a/b/z.h; find a -name '*.c' | sort; find a -type d | sort; find a -name z.h -exec echo found {} \\;",
    "a/b/y.c\na/x.c\na\na/b\nfound a/b/z.h\n")
SCRIPT(xargs,
       "printf 'a b\\nc\\n' | xargs echo got; printf '1\\n2\\n3\\n' | xargs -n 2 echo; touch f1 "
       "f2; ls | xargs rm; ls",
       "got a b c\n1 2\n3\n")
SCRIPT(
    sed,
    "printf 'hello\\nworld\\n' | sed -e 's/o/0/g' -e '2d'; echo abc | sed 's/\\(a\\)\\(b\\)/\\2\\1/'; echo x > f; sed -i s/x/y/ f; cat f",
    "hell0\nbac\ny\n")
SCRIPT(awk,
       "printf 'a 1\\nb 2\\nc 3\\n' | awk '{s += $2; n[$1] = $2} END {print s, n[\"b\"], NR}'; awk "
       "'BEGIN {printf \"%.2f %s\\n\", 3.14159, toupper(\"ok\")}'",
       "6 2 3\n3.14 OK\n")
SCRIPT(sort_uniq,
       "printf '3\\n10\\n1\\n3\\n' | sort -n | uniq -c | awk '{print $1, $2}'; printf 'b\\na\\n' "
       "| sort -r",
       "1 1\n2 3\n1 10\nb\na\n")
SCRIPT(grep,
       "printf 'apple\\nBanana\\ncherry\\n' > f; grep -i banana f; grep -v a f; grep -c e f; grep "
       "-n err f; grep -q zzz f; echo $?",
       "Banana\ncherry\n2\n3:cherry\n1\n")
SCRIPT(cut_paste_tr,
       "echo a:b:c | cut -d: -f2; echo abcdef | cut -c2-4; printf '1\\n2\\n' > x; printf 'a\\nb\\n' "
       "> y; paste x y; echo hello | tr a-z A-Z; echo aabb | tr -s a",
       "b\nbcd\n1\ta\n2\tb\nHELLO\nabb\n")
SCRIPT(head_tail_wc, "seq 1 100 > f; head -n 2 f; tail -n 2 f; wc -l f; tail -c 4 f; head -c 3 f | wc -c", "1\n2\n99\n100\n100 f\n100\n3\n")
SCRIPT(tar,
       "mkdir d; echo one > d/a; ln -s a d/l; chmod 600 d/a; tar cf t.tar d; rm -r d; tar tf t.tar | sort; "
       "tar xf t.tar; cat d/l; stat -c %a d/a",
       "d/\nd/a\nd/l\none\n600\n")
SCRIPT(tar_gzip,
       "mkdir d; seq 1 2000 > d/f; tar czf t.tgz d; rm -r d; tar xzf t.tgz; md5sum d/f; seq 1 2000 "
       "| md5sum",
       "ea4d0a24dabcaa11f9aa979b872d162b  d/f\nea4d0a24dabcaa11f9aa979b872d162b  -\n")
SCRIPT(gzip, "seq 1 5000 > f; gzip f; ls; gunzip f.gz; wc -l < f; echo data | gzip -c | zcat", "f.gz\n5000\ndata\n")
SCRIPT(dd,
       "dd if=/dev/zero of=f bs=1k count=64 2>/dev/null; stat -c %s f; echo abcdef | dd bs=1 skip=2 "
       "count=3 2>/dev/null; echo; dd if=/dev/zero bs=4k count=2 2>&1 >/dev/null | head -n 2",
       "65536\ncde\n2+0 records in\n2+0 records out\n")
SCRIPT(od_and_sums, "printf 'AB\\n' | od -c; printf abc | md5sum; printf abc | sha256sum",
       "0000000   A   B  \\n\n0000003\n900150983cd24fb0d6963f7d28e17f72  -\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb4"
       "10ff61f20015ad  -\n")
SCRIPT(seq_and_expr, "seq 3; seq -s, 1 2 7; expr 6 \\* 7; expr length hello; expr a = a", "1\n2\n3\n1,3,5,7\n42\n5\n1\n")
SCRIPT(date,
       "date -u -d @0 +%Y-%m-%dT%H:%M:%S; date -u -d '2020-02-29 12:00:00' +%s; [ $(date +%s) -gt "
       "1600000000 ] && echo sane",
       "1970-01-01T00:00:00\n1582977600\nsane\n")
SCRIPT(stat_and_touch,
       "touch -d '2010-10-10 10:10:10' f; stat -c '%n %F %s %h %u %g %Y' f; ln f g; stat -c %h f; "
       "chmod u+s,go-r f; stat -c %A f",
       "f regular empty file 0 1 0 0 1286705410\n2\n-rwS------\n")
SCRIPT(ln_readlink, "echo x > f; ln -s f s; readlink s; ln f h; [ f -ef h ] && echo same; readlink -f s | sed 's,.*/,,'", "f\nsame\nf\n")
SCRIPT(id_and_whoami, "id -u; id -g; mkdir -p /etc; id | cut -c1-5", "0\n0\nuid=0\n")
SCRIPT(chmod_chown,
       "touch f; chmod 751 f; chown 12:34 f; stat -c '%a %u %g' f; chmod -x f; stat -c %a f; chgrp "
       "56 f; stat -c %g f",
       "751 12 34\n640\n56\n")
SCRIPT(du_df,
       "mkdir d; dd if=/dev/zero of=d/f bs=4k count=10 2>/dev/null; du -s d | cut -f1; df . | awk "
       "'NR == 1 {print $1} NR == 2 {print ($2 > 0)}'",
       "40\nFilesystem\n1\n")
SCRIPT(mount_umount,
       "mkdir m; mount -t tmpfs none m; echo x > m/f; mount | grep -c \"$(pwd)/m type tmpfs\"; umount "
       "m; ls m; grep -c proc /proc/mounts",
       "1\n1\n")
SCRIPT(
    ps,
    "sleep 50 & p=$!; until ps | grep -q '[s]leep 50$'; do usleep 10000; done; ps -o pid,comm | awk -v p=$p '$1 == p {print $2}'; kill $p",
    "sleep\n")
SCRIPT(killall,
       "exec 2>/dev/null; cp /bin/busybox busybox77; ./busybox77 sleep 77 & until pidof busybox77 "
       "> f; do usleep 10000; done; [ $(cat f) = $! ] && echo found; killall busybox77; wait $!; "
       "echo $?",
       "found\n143\n")
SCRIPT(
    xxd_shuf_split,
    "printf AB | xxd -p; seq 1 50 | shuf | sort -n | head -n 1; echo abc | rev 2>/dev/null || echo cba; seq 3 | nl | awk '{print $2 - $1}'",
    "4142\n1\ncba\n0\n0\n0\n")
SCRIPT(pidof_and_kill,
       "sleep 88 & until pidof sleep | grep -qw $!; do usleep 10000; done; kill -l 15; kill -0 $! "
       "&& echo alive; kill -9 $!",
       "TERM\nalive\n")
SCRIPT(top_batch, "top -b -n 1 | awk 'NR == 1 {print $1} NR == 2 {print $1} NR == 4 {print $1, $2, $3}'", "Mem:\nCPU:\nPID PPID USER\n")
SCRIPT(free_uptime, "free | awk 'NR == 2 {print $1, ($2 > 0), ($2 >= $3)}'; uptime | grep -c 'load average'", "Mem: 1 1\n1\n")
SCRIPT(uname_hostname, "uname -s; uname -m; hostname testhost; hostname; uname -n", "Linux\nx86_64\ntesthost\ntesthost\n")
SCRIPT(env_timeout, "exec 2>/dev/null; env -i A=b env; timeout 1 sleep 20; echo $?", "A=b\n143\n")
SCRIPT(sleep_and_time, "s=$(date +%s); sleep 1; e=$(date +%s); [ $((e - s)) -ge 1 ] && echo waited; usleep 1000; echo", "waited\n\n")
SCRIPT(cmp_diff, "printf 'a\\nb\\n' > x; printf 'a\\nc\\n' > y; cmp x y; diff x y; cmp x x; echo $?",
       "x y differ: char 3, line 2\n--- x\n+++ y\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n0\n")
SCRIPT(tee_and_cat, "echo text | tee a b; cat a b; printf 'x\\ny\\n' | cat -n | awk '{print $1}'; tac a", "text\ntext\ntext\n1\n2\ntext\n")
SCRIPT(mktemp_realpath,
       "f=$(mktemp /tmp/tmp.XXXXXX); [ -f $f ] && echo made; rm $f; mkdir -p a/b; cd a/b; realpath "
       "../.. | grep -c /",
       "made\n1\n")
SCRIPT(mkfifo_mknod, "echo x > f; mkfifo p; [ -p p ] && echo fifo; mknod n c 1 3; [ -c n ] && echo > n && echo device", "fifo\ndevice\n")
SCRIPT(ed, "printf '1\\n2\\n3\\n' > f; printf '2d\\nw\\nq\\n' | ed f > /dev/null 2>&1; cat f", "1\n3\n")
SCRIPT(base64_hexdump,
       "printf hello | base64; printf aGVsbG8= | base64 -d; echo; printf 'AB' | hexdump -C | head "
       "-n 1",
       "aGVsbG8=\nhello\n00000000  41 42                                             |AB|\n")
SCRIPT(bc_and_factor, "echo '2^64' | bc; factor 360", "18446744073709551616\n360: 2 2 2 3 3 5\n")
SCRIPT(chroot_and_switch, "mkdir -p r/bin; cp /bin/busybox r/bin; chroot r /bin/busybox sh -c 'cd /; echo *; pwd'", "bin\n/\n")
SCRIPT(watch_a_file_grow, "(for i in 1 2 3; do echo $i; sleep 0.1; done > f) & wait; cat f | tr '\\n' ' '; echo", "1 2 3 \n")
SCRIPT(setsid_and_group, "setsid sh -c 'ps -o pid,pgid,sid | awk -v p=$$ \"\\$1 == p {print (\\$2 == p)}\"'", "1\n")
SCRIPT(cpio, "mkdir d; echo x > d/f; find d | cpio -o -H newc 2>/dev/null > a; rm -r d; cpio -i < a 2>/dev/null; cat d/f", "x\n")
SCRIPT(sync_and_truncate, "sync; echo hello > f; truncate -s 3 f; cat f; truncate -s 1M f; stat -c %s f", "hel1048576\n")
SCRIPT(which_and_yes, "which sh | grep -c sh; yes | head -n 3 | wc -l", "1\n3\n")
