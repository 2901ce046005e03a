# SPDX-License-Identifier: MIT
# Python with threads, processes, asyncio and sqlite.
# packages: python3
python3 -c 'print("hi")'; echo 'import os; os.abort()' >ab.py; python3 ab.py; echo $?
python3 -c 'import threading,queue; q=queue.Queue(); t=[threading.Thread(target=lambda: q.put(1)) for _ in range(8)]; [x.start() for x in t]; [x.join() for x in t]; print(q.qsize())'
printf 'import multiprocessing as m\ndef f(x): return x*x\nif __name__=="__main__":\n  with m.Pool(2) as p: print(p.map(f, range(8)))\n  q=m.Queue(); p=m.Process(target=q.put,args=(5,)); p.start(); print(q.get()); p.join(); s=m.Semaphore(2); print(s.acquire()); v=m.Value("i",3); print(v.value)\n' >mp.py; python3 mp.py
python3 -c 'from multiprocessing import shared_memory as s; m=s.SharedMemory(create=True,size=100); m.buf[0]=7; n=s.SharedMemory(m.name); print(n.buf[0]); n.close(); m.close(); m.unlink()'
python3 -c 'import asyncio; print(asyncio.run(asyncio.wait_for(asyncio.sleep(0.01, "slept"), 5)))'
printf 'import asyncio\nasync def main():\n  p=await asyncio.create_subprocess_exec("echo","sub",stdout=-1); print((await p.communicate())[0], p.returncode)\nasyncio.run(main())\n' >as.py; python3 as.py
python3 -c 'import sqlite3; d=sqlite3.connect("t.db"); d.execute("create table t(a)"); d.executemany("insert into t values(?)",[(i,) for i in range(1000)]); d.commit(); print(d.execute("select sum(a) from t").fetchone()); d.execute("pragma journal_mode=wal"); d.execute("delete from t"); d.commit(); print(d.execute("select count(*) from t").fetchone())'
python3 -c 'import subprocess as s; print(s.run(["sh","-c","echo out; echo err >&2; exit 3"],capture_output=True)); print(s.check_output("cat",input=b"piped"))'
python3 -c 'import os,signal,time; signal.signal(signal.SIGALRM,lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL,0.05); signal.pause(); print(os.cpu_count()>0, os.sched_getaffinity(0)=={*range(os.cpu_count())})'
python3 -c 'import mmap,os; f=open("m","w+b"); f.truncate(8192); m=mmap.mmap(f.fileno(),8192); m[5000:5005]=b"hello"; m.flush(); print(os.pread(f.fileno(),5,5000)); m.resize(16384); print(os.stat("m").st_size)'
python3 -c 'import socket; a,b=socket.socketpair(); a.sendall(b"x"*100000); print(len(b.recv(100000,socket.MSG_WAITALL))); s=socket.socket(socket.AF_UNIX); s.bind("sock"); s.listen(); c=socket.socket(socket.AF_UNIX); c.connect("sock"); d,_=s.accept(); c.send(b"hi"); print(d.recv(9))'
python3 -c $'import os; r,w=os.pipe(); p=os.fork()\nif not p: os.write(w,b"child"); os._exit(4)\nprint(os.read(r,9), os.waitstatus_to_exitcode(os.waitpid(p,0)[1]))'
python3 -c 'import os,shutil,tempfile; d=tempfile.mkdtemp(); open(d+"/a","w").write("x"); shutil.copytree(d,d+"2"); print(os.listdir(d+"2")); shutil.rmtree(d); shutil.rmtree(d+"2"); f=os.memfd_create("x"); os.write(f,b"abc"); print(os.fstat(f).st_size); print(os.sendfile(1,f,0,3))'
python3 -m venv --without-pip venv && venv/bin/python -c 'import sys; print(sys.prefix)'; python3 -m compileall -q venv; echo 'print(1)' | python3 -
python3 -c 'import pty,os; pty.spawn(["sh","-c","tty >/dev/null && echo on a tty"])'
python3 -c 'import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)); import select; e=select.epoll(); r,w=__import__("os").pipe(); e.register(r,select.EPOLLIN); print(e.poll(0.01)); __import__("os").write(w,b"x"); print(len(e.poll(1)))'
