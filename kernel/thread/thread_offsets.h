// SPDX-License-Identifier: MIT
// Offsets that assembly uses; thread.cpp asserts that they are right. (Object comes first: it has a vtable.)
#pragma once

#define HATI_THREAD_PAGE 40  // Thread::page
#define HATI_THREAD_RING 48  // Thread::ring, one byte: 3, or 1 for the threads of an attached server
