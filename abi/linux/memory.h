// SPDX-License-Identifier: MIT
// Constants of Linux's memory calls (uapi asm-generic/mman.h, linux/mman.h).
#pragma once

#include "base/types.h"

namespace hati::linux {

enum ProtectionBits : u64 { kProtRead = 1, kProtWrite = 2, kProtExecute = 4 };
enum MmapFlags : u64 {
  kMapShared = 1, kMapPrivate = 2, kMapSharedValidate = 3, kMapType = 0xf, kMapFixed = 0x10, kMapAnonymous = 0x20, kMap32Bit = 0x40, kMapGrowsDown = 0x100,
  kMapDenyWrite = 0x800, kMapExecutable = 0x1000, kMapLocked = 0x2000, kMapNoReserve = 0x4000, kMapPopulate = 0x8000, kMapNonBlock = 0x10000,
  kMapStack = 0x20000, kMapHugeTlb = 0x40000, kMapFixedNoReplace = 0x100000,
  kMapKnown = kMapType | kMapFixed | kMapAnonymous | kMap32Bit | kMapGrowsDown | kMapDenyWrite | kMapExecutable | kMapLocked | kMapNoReserve | kMapPopulate |
              kMapNonBlock | kMapStack | kMapHugeTlb | kMapFixedNoReplace,
};
enum RemapFlags : u64 { kRemapMayMove = 1, kRemapFixed = 2, kRemapDontUnmap = 4 };
enum MemoryAdvice : i32 {
  kAdviceNormal = 0, kAdviceRandom = 1, kAdviceSequential = 2, kAdviceWillNeed = 3, kAdviceDontNeed = 4, kAdviceFree = 8, kAdviceRemove = 9,
  kAdviceDontFork = 10, kAdviceDoFork = 11, kAdviceMergeable = 12, kAdviceUnmergeable = 13, kAdviceHugePage = 14, kAdviceNoHugePage = 15,
  kAdviceDontDump = 16, kAdviceDoDump = 17, kAdviceWipeOnFork = 18, kAdviceKeepOnFork = 19, kAdviceCold = 20, kAdvicePageOut = 21,
  kAdvicePopulateRead = 22, kAdvicePopulateWrite = 23,
};
enum SyncFlags : i32 { kSyncAsync = 1, kSyncInvalidate = 2, kSyncSync = 4 };

}  // namespace hati::linux
