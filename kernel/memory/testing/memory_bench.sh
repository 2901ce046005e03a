#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# memory_bench.sh KERNEL [QEMU OPTIONS]: instruction counts of faults, fork and copies, without any server.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../../..")
kernel=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clang++-19 -std=c++23 -stdlib=libc++ -O2 -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -fpie -static-pie -nostdlib -fuse-ld=lld \
  -Wl,--no-dynamic-linker -I"$top" "$here/memory_bench.cpp" -o "$work/bench"
python3 "$top/kernel/call/testing/image.py" "$work/bench" "$work/image"
timeout 120 qemu-system-x86_64 -accel tcg -cpu max,-erms,-fsrm -icount shift=0,sleep=off -m 256 -smp 1 -display none -nodefaults -no-reboot \
  -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$kernel" -initrd "$work/image" -append "console=ttyS0" "$@"
