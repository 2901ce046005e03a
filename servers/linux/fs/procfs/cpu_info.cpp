// SPDX-License-Identifier: MIT
// /proc/cpuinfo, from the CPUID instruction (Intel SDM volume 2, "CPUID") and the measured TSC rate.
#include <cpuid.h>

#include <array>
#include <cstring>

#include "runtime/call.h"
#include "servers/linux/core/world.h"
#include "servers/linux/fs/procfs/node.h"

namespace hati::linux::proc {

namespace {

struct Leaf {
  u32 eax = 0, ebx = 0, ecx = 0, edx = 0;
};
Leaf cpuid(u32 leaf, u32 subleaf = 0) {
  Leaf result;
  __cpuid_count(leaf, subleaf, result.eax, result.ebx, result.ecx, result.edx);
  return result;
}

struct Flag {
  u32 Leaf::*word;
  u32 bit;
  const char* name;
};
constexpr Flag kLeaf1[] = {
    {&Leaf::edx, 0, "fpu"},
    {&Leaf::edx, 1, "vme"},
    {&Leaf::edx, 2, "de"},
    {&Leaf::edx, 3, "pse"},
    {&Leaf::edx, 4, "tsc"},
    {&Leaf::edx, 5, "msr"},
    {&Leaf::edx, 6, "pae"},
    {&Leaf::edx, 7, "mce"},
    {&Leaf::edx, 8, "cx8"},
    {&Leaf::edx, 9, "apic"},
    {&Leaf::edx, 11, "sep"},
    {&Leaf::edx, 12, "mtrr"},
    {&Leaf::edx, 13, "pge"},
    {&Leaf::edx, 14, "mca"},
    {&Leaf::edx, 15, "cmov"},
    {&Leaf::edx, 16, "pat"},
    {&Leaf::edx, 17, "pse36"},
    {&Leaf::edx, 19, "clflush"},
    {&Leaf::edx, 23, "mmx"},
    {&Leaf::edx, 24, "fxsr"},
    {&Leaf::edx, 25, "sse"},
    {&Leaf::edx, 26, "sse2"},
    {&Leaf::edx, 27, "ss"},
    {&Leaf::edx, 28, "ht"},
    {&Leaf::ecx, 0, "pni"},
    {&Leaf::ecx, 1, "pclmulqdq"},
    {&Leaf::ecx, 3, "monitor"},
    {&Leaf::ecx, 9, "ssse3"},
    {&Leaf::ecx, 12, "fma"},
    {&Leaf::ecx, 13, "cx16"},
    {&Leaf::ecx, 17, "pcid"},
    {&Leaf::ecx, 19, "sse4_1"},
    {&Leaf::ecx, 20, "sse4_2"},
    {&Leaf::ecx, 21, "x2apic"},
    {&Leaf::ecx, 22, "movbe"},
    {&Leaf::ecx, 23, "popcnt"},
    {&Leaf::ecx, 24, "tsc_deadline_timer"},
    {&Leaf::ecx, 25, "aes"},
    {&Leaf::ecx, 26, "xsave"},
    {&Leaf::ecx, 28, "avx"},
    {&Leaf::ecx, 29, "f16c"},
    {&Leaf::ecx, 30, "rdrand"},
    {&Leaf::ecx, 31, "hypervisor"},
};
constexpr Flag kExtended[] = {
    {&Leaf::edx, 11, "syscall"}, {&Leaf::edx, 20, "nx"}, {&Leaf::edx, 22, "mmxext"}, {&Leaf::edx, 25, "fxsr_opt"}, {&Leaf::edx, 26, "pdpe1gb"},
    {&Leaf::edx, 27, "rdtscp"}, {&Leaf::edx, 29, "lm"}, {&Leaf::edx, 30, "3dnowext"}, {&Leaf::edx, 31, "3dnow"}, {&Leaf::ecx, 0, "lahf_lm"},
    {&Leaf::ecx, 2, "svm"}, {&Leaf::ecx, 5, "abm"}, {&Leaf::ecx, 6, "sse4a"}, {&Leaf::ecx, 8, "3dnowprefetch"},
};
constexpr Flag kLeaf7[] = {
    {&Leaf::ebx, 0, "fsgsbase"},    {&Leaf::ebx, 3, "bmi1"},    {&Leaf::ebx, 5, "avx2"},     {&Leaf::ebx, 7, "smep"},
    {&Leaf::ebx, 8, "bmi2"},        {&Leaf::ebx, 9, "erms"},    {&Leaf::ebx, 10, "invpcid"}, {&Leaf::ebx, 14, "mpx"},
    {&Leaf::ebx, 16, "avx512f"},    {&Leaf::ebx, 18, "rdseed"}, {&Leaf::ebx, 19, "adx"},     {&Leaf::ebx, 20, "smap"},
    {&Leaf::ebx, 23, "clflushopt"}, {&Leaf::ebx, 24, "clwb"},   {&Leaf::ebx, 29, "sha_ni"},  {&Leaf::ecx, 2, "umip"},
    {&Leaf::ecx, 3, "pku"},         {&Leaf::ecx, 22, "rdpid"},  {&Leaf::edx, 4, "fsrm"},
};

template <usize kCount>
void add_flags(Text& text, const Leaf& leaf, const Flag (&flags)[kCount]) {
  for (const Flag& flag : flags)
    if ((leaf.*flag.word >> flag.bit & 1) != 0) text.print(" {}", std::string_view(flag.name));
}

std::string model_name() {
  if (cpuid(0x80000000).eax < 0x80000004) return "unknown";
  std::array<char, 49> name{};
  for (u32 i = 0; i < 3; ++i) {
    const Leaf part = cpuid(0x80000002 + i);
    std::memcpy(name.data() + i * 16, &part, 16);
  }
  return name.data();
}

std::string vendor() {
  const Leaf leaf = cpuid(0);
  std::array<char, 13> name{};
  std::memcpy(name.data(), &leaf.ebx, 4);
  std::memcpy(name.data() + 4, &leaf.edx, 4);
  std::memcpy(name.data() + 8, &leaf.ecx, 4);
  return name.data();
}

}  // namespace

std::string cpu_info() {
  const Leaf basic = cpuid(1), extended = cpuid(0x80000001), leaf7 = cpuid(7), sizes = cpuid(0x80000008);
  const u32 base_family = basic.eax >> 8 & 15, base_model = basic.eax >> 4 & 15;
  const u32 family = base_family == 15 ? base_family + (basic.eax >> 20 & 255) : base_family;
  const u32 model = base_family >= 6 ? base_model | (basic.eax >> 12 & 0xf0) : base_model;
  SystemInfo info{};
  (void)call::system_info(info);
  const std::string vendor_id = vendor(), name = model_name();
  const u32 cpus = World::get().cpu_count;
  Text flags;
  add_flags(flags, basic, kLeaf1);
  add_flags(flags, extended, kExtended);
  flags.print(" constant_tsc rep_good nopl cpuid");
  add_flags(flags, leaf7, kLeaf7);
  const std::string flag_text = flags.take();
  Text text;
  for (u32 cpu = 0; cpu < cpus; ++cpu) {
    text.print("processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: {}\nstepping\t: {}\n", cpu,
               std::string_view(vendor_id), family, model, std::string_view(name), basic.eax & 15);
    text.print(
        "cpu MHz\t\t: {}.{:03}\nphysical id\t: 0\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\napicid\t\t: {}\ninitial apicid\t: {}\n",
        info.tsc_hz / 1'000'000, info.tsc_hz / 1000 % 1000, cpus, cpu, cpus, cpu, cpu);
    text.print("fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t:{}\nbugs\t\t:\n", cpuid(0).eax, std::string_view(flag_text));
    text.print("bogomips\t: {}.{:02}\nclflush size\t: {}\ncache_alignment\t: 64\naddress sizes\t: {} bits physical, {} bits virtual\npower management:\n\n",
               info.tsc_hz / 500'000, info.tsc_hz / 5000 % 100, (basic.ebx >> 8 & 255) * 8, sizes.eax & 255, sizes.eax >> 8 & 255);
  }
  return text.take();
}

}  // namespace hati::linux::proc
