# SPDX-License-Identifier: MIT
# Compilers, make, git.
# packages: gcc libc6-dev make git
printf '#include <stdio.h>\n#include <pthread.h>\nstatic void*f(void*a){return a;}\nint main(void){pthread_t t; void*r; pthread_create(&t,0,f,(void*)5); pthread_join(t,&r); printf("joined %%ld\\n",(long)r); return 0;}\n' >t.c; gcc -O2 t.c -o t -pthread && ./t; gcc -static t.c -o ts -pthread && ./ts; gcc -static-pie t.c -o tp -pthread && ./tp
printf 'all: a b c d\na b c d:\n\tsleep 0.1; echo $@ >$@.out\n' >Makefile; make -s -j2; cat *.out; make -s -j4 -B; make nothing; echo $?
printf 'int sq(int x){return x*x;}\n' >sq.c; gcc -shared -fPIC sq.c -o libsq.so; printf 'int sq(int);int main(void){return sq(3);}\n' >m.c; gcc m.c -L. -lsq -Wl,-rpath,. -o m; ./m; echo $?; ldd ./m | grep -c '=>'
git config --global user.email a@b; git config --global user.name a; git config --global init.defaultBranch main; git init -q r; cd r; seq 100 >f; git add f; git commit -q -m one; seq 200 >f; git commit -q -a -m two; git log --format=%s; git branch x; git checkout -q x; echo y >g; git add g; git commit -q -m three; git checkout -q main; git merge -q --no-edit x; ls; git gc -q; git fsck; git status --short; git diff HEAD~1 --stat
cd r; git clone -q . ../r2; cd ../r2; git log --format=%s | wc -l; git archive HEAD | tar t; git stash list; git grep -c 19 f
