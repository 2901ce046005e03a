// SPDX-License-Identifier: MIT
// Call numbers that assembly needs; checked against abi/call.h in dispatch.cpp.
#pragma once

#define HATI_CALL_SET_CALL_ENTRY 0x4841002a
#define HATI_CALL_RING_ENTER 0x4841002d
#define HATI_CALL_THREAD_EXIT 0x48410023
