#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run_first.sh KERNEL SOURCE [QEMU OPTIONS]: compiles one of this folder's programs, boots it as the first process. The exit status is 0
# after an orderly power-off.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../../..")
kernel=$1
source=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clang++-19 -std=c++23 -stdlib=libc++ -O2 -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -fpie -static-pie -nostdlib -fuse-ld=lld \
  -Wl,--no-dynamic-linker -I"$top" "$here/$source" -o "$work/program"
python3 "$top/kernel/call/testing/image.py" "$work/program" "$work/image"
timeout "${HATI_TIMEOUT:-60}" qemu-system-x86_64 -accel tcg -cpu max,-erms,-fsrm -m 256 -display none -nodefaults -no-reboot \
  -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$kernel" -initrd "$work/image" -append "console=ttyS0 panic=-1" "$@"
