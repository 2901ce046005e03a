// SPDX-License-Identifier: MIT
// abi/linux/memory.h against linux/mman.h and asm/mman.h.
#include <linux/mman.h>

#include "abi/linux/memory.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

EQUAL(kProtRead, PROT_READ);
EQUAL(kProtWrite, PROT_WRITE);
EQUAL(kProtExecute, PROT_EXEC);
EQUAL(kMapShared, MAP_SHARED);
EQUAL(kMapPrivate, MAP_PRIVATE);
EQUAL(kMapSharedValidate, MAP_SHARED_VALIDATE);
EQUAL(kMapType, MAP_TYPE);
EQUAL(kMapFixed, MAP_FIXED);
EQUAL(kMapAnonymous, MAP_ANONYMOUS);
EQUAL(kMap32Bit, MAP_32BIT);
EQUAL(kMapGrowsDown, MAP_GROWSDOWN);
EQUAL(kMapDenyWrite, MAP_DENYWRITE);
EQUAL(kMapExecutable, MAP_EXECUTABLE);
EQUAL(kMapLocked, MAP_LOCKED);
EQUAL(kMapNoReserve, MAP_NORESERVE);
EQUAL(kMapPopulate, MAP_POPULATE);
EQUAL(kMapNonBlock, MAP_NONBLOCK);
EQUAL(kMapStack, MAP_STACK);
EQUAL(kMapHugeTlb, MAP_HUGETLB);
EQUAL(kMapFixedNoReplace, MAP_FIXED_NOREPLACE);
EQUAL(kRemapMayMove, MREMAP_MAYMOVE);
EQUAL(kRemapFixed, MREMAP_FIXED);
EQUAL(kRemapDontUnmap, MREMAP_DONTUNMAP);
EQUAL(kAdviceNormal, MADV_NORMAL);
EQUAL(kAdviceRandom, MADV_RANDOM);
EQUAL(kAdviceSequential, MADV_SEQUENTIAL);
EQUAL(kAdviceWillNeed, MADV_WILLNEED);
EQUAL(kAdviceDontNeed, MADV_DONTNEED);
EQUAL(kAdviceFree, MADV_FREE);
EQUAL(kAdviceRemove, MADV_REMOVE);
EQUAL(kAdviceDontFork, MADV_DONTFORK);
EQUAL(kAdviceDoFork, MADV_DOFORK);
EQUAL(kAdviceMergeable, MADV_MERGEABLE);
EQUAL(kAdviceUnmergeable, MADV_UNMERGEABLE);
EQUAL(kAdviceHugePage, MADV_HUGEPAGE);
EQUAL(kAdviceNoHugePage, MADV_NOHUGEPAGE);
EQUAL(kAdviceDontDump, MADV_DONTDUMP);
EQUAL(kAdviceDoDump, MADV_DODUMP);
EQUAL(kAdviceWipeOnFork, MADV_WIPEONFORK);
EQUAL(kAdviceKeepOnFork, MADV_KEEPONFORK);
EQUAL(kAdviceCold, MADV_COLD);
EQUAL(kAdvicePageOut, MADV_PAGEOUT);
EQUAL(kAdvicePopulateRead, MADV_POPULATE_READ);
EQUAL(kAdvicePopulateWrite, MADV_POPULATE_WRITE);
EQUAL(kSyncAsync, MS_ASYNC);
EQUAL(kSyncInvalidate, MS_INVALIDATE);
EQUAL(kSyncSync, MS_SYNC);

}  // namespace hati::linux
