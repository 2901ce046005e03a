# SPDX-License-Identifier: MIT
# bash, coreutils and what else Debian's minbase holds.
# set: short
# disk driver: killed
a=(1 2 3); declare -A m=([x]=1); echo ${a[@]} ${m[x]} $((2**10)) ${PWD^^}
diff <(seq 3) <(seq 4); comm <(seq 3) <(seq 2 4); join <(seq 5) <(seq 3)
for i in 1 2 3 4 5; do cat <(echo in $i); done; echo out | tee >(cat >kept) >/dev/null; sleep 0.3; cat kept
coproc C { cat; }; echo hi >&${C[1]}; read -t 5 -u ${C[0]} v; echo "$v"
trap 'echo usr1' USR1; kill -USR1 $$; trap 'echo exit' EXIT; (sleep 0.1; exit 3) & wait -n; echo $?
sleep 5 & kill $!; wait $!; echo $?; sleep 5 & kill -9 $!; wait $!; echo $?
ulimit -c -d -f -m -n -p -s -t -v; umask; ulimit -n 100; ulimit -n
mapfile -t lines </etc/passwd; echo ${#lines[@]}; [[ abc =~ ^a ]] && echo match; type -a ls
echo text | tee a b | cat - a; cp -a /etc/apt apt; find apt | sort; cp --sparse=always a s2; cp --reflink=auto a s3; mv s2 s4; ln a l; ln -s a sl; ls -1
mkdir -p d/e/f; rmdir -p d/e/f; chmod 640 a; chown 1:1 s3; stat -c '%n %a %u %g %s %h %F' a s3 sl l
stat -f -c '%T %s %l' / /proc /dev/pts /tmp; df -P /tmp | head -1; readlink -f sl; realpath . /etc/../bin
touch -d '2020-01-02 03:04:05.123456789' a; stat -c '%y %x' a; touch -r a s3; stat -c %Y s3; date -u -r a
dd if=/dev/zero of=z bs=64k count=16 conv=fsync status=none; truncate -s 10M sp; fallocate -l 1M fa; fallocate -p -o 0 -l 4096 fa; stat -c '%n %s' z sp fa; sync -d z
seq 20000 | sort -R | sort -n --parallel=2 -S 2M | uniq -c | tail -1; seq 10 | split -l 3 - part.; ls part.*; md5sum part.*
od -A x -t x1 /etc/debian_version | head -1; sha256sum /etc/debian_version; base64 /etc/debian_version; cksum /etc/debian_version
seq 3 | tac; seq 3 | paste -s; printf '%s\n' b a | sort; tr a-z A-Z <<<abc; head -c 5 /etc/passwd; tail -n 1 /etc/passwd; wc /etc/passwd
id; whoami; tty; uname -s -m -o; hostname; nproc; arch; env -i true; printenv HOME; groups; logname
timeout 0.2 sleep 5; echo $?; nice -n 3 nice; nohup echo hup; stdbuf -oL echo x; mkfifo fifo; (echo through >fifo &); cat fifo
mknod nod c 1 3; echo gone >nod; chroot / /bin/true; echo $?; yes | head -1; echo | tail -n 1
(sleep 0.3; echo more >>a) & timeout 3 tail -n 0 -f a --pid=$!; wait
find /etc -maxdepth 1 -name '*.conf' | sort; find / -xdev -perm -4000 | sort; find /usr/share -maxdepth 1 -print0 | xargs -0 -n 5 -P 2 echo | wc -w
grep -rc root /etc/passwd; grep -P '^\w+' /etc/passwd | wc -l; sed -i.bak 's/e/E/' a; cat a a.bak; awk -F: '{n+=$3} END {print n}' /etc/passwd
tar cf a.tar -C /etc apt; tar tf a.tar | sort; mkdir ex; tar xpf a.tar -C ex; diff -r ex/apt /etc/apt; gzip -k a.tar; gunzip -c a.tar.gz | cmp - a.tar; perl -e 'print "perl\n"; system "true"; print -s "/etc/passwd", "\n"'
mkdir mnt; mount -t tmpfs none mnt; findmnt -n -o TARGET,FSTYPE mnt; umount mnt; mount --bind /etc mnt; ls mnt/passwd; mount -o remount,ro,bind mnt; touch mnt/x; umount mnt
flock a echo locked; setsid -w echo session; taskset -c 0 echo pinned; chrt -b 0 echo batch; ionice -c 3 echo idle; prlimit --nofile=77 bash -c 'ulimit -n'
ipcmk -Q >/dev/null; ipcmk -S 2 >/dev/null; ipcmk -M 4096 >/dev/null; ipcs | grep -c root; ipcs -u | head -4; ipcrm -a; ipcs | grep -c root
script -qec 'echo in script; tty; stty -a | head -1' /dev/null
setpriv --reuid=1 --regid=1 --clear-groups id; su -s /bin/sh -c id nobody; setpriv --reuid=1 --regid=1 --clear-groups cat /etc/shadow; unshare -iu hostname inner; hostname
cat /proc/self/comm /proc/sys/kernel/ostype /proc/self/oom_score_adj; ls /proc/self/task | wc -l; readlink /proc/self/exe; tr '\0' ' ' </proc/self/cmdline; head -1 /proc/self/limits
cut -c-19 /proc/self/status | grep -E '^(Name|State|Threads|Uid|Gid|NoNewPrivs|CapEff)'; grep -c . /proc/self/maps #=
ls /proc/self /proc/self/fdinfo #=
apt-get --version | head -1; dpkg -s bash | head -2; dpkg -L base-files | head -3; getent passwd root; getent hosts localhost; locale -a | head -2
bash -c 'kill -SEGV $$'; echo $?; bash -c 'exit 7'; echo $?; bash --norc -i -c 'echo $-' 2>/dev/null; dash -c 'echo dash; set -o' | head -2
