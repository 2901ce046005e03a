// SPDX-License-Identifier: MIT
// What the test programs say to each other.
#pragma once

#include "runtime/rpc.h"

namespace hati::native_tests {

struct PingReply {
  u64 value;
  u64 process;  // differs after a restart
};
struct PingRequest {
  static constexpr u32 kId = 1;
  using Reply = PingReply;
  u64 value;
};

// The server writes through a null pointer; the call ends with kPeerClosed.
struct CrashRequest {
  static constexpr u32 kId = 2;
  using Reply = EmptyReply;
  u64 reserved = 0;
};

// Payload and handles come back.
struct MirrorRequest {
  static constexpr u32 kId = 3;
  using Reply = EmptyReply;
  u64 reserved = 0;
};

using EchoProtocol = Protocol<PingRequest, CrashRequest, MirrorRequest>;

// To the fuzzer: runs this many calls on each of its threads and answers when done.
struct FuzzReply {
  u64 calls, accepted;  // accepted: calls that the kernel carried out
};
struct FuzzRequest {
  static constexpr u32 kId = 1;
  using Reply = FuzzReply;
  u64 seed, calls;
};
using FuzzProtocol = Protocol<FuzzRequest>;

// To the hoarder: what it held is let go, then it takes as much of this as it can get.
enum class HoardWhat : u64 { kNothing, kEvents, kMemories, kPages, kChannels, kRings, kThreads, kSpaces, kMappings, kMessages };
struct HoardReply {
  u64 taken;
  u64 error;  // of the one that was refused
};
struct HoardRequest {
  static constexpr u32 kId = 1;
  using Reply = HoardReply;
  HoardWhat what;
};
using HoardProtocol = Protocol<HoardRequest>;

// To the pager: a file of paged memory; its Memory handle comes with the reply.
inline constexpr u64 kDiskWord = 0x6469'736b;
struct OpenPagedReply {
  u64 file;
};
struct OpenPagedRequest {
  static constexpr u32 kId = 1;
  using Reply = OpenPagedReply;
  u64 pages;
};
enum class PagedControl : u32 { kStats, kSync, kTruncate, kPunch, kFailPage, kStall, kGoOn, kDie };
struct PagedStatsReply {
  u64 page_ins, cleaned;  // pages
};
struct PagedControlRequest {
  static constexpr u32 kId = 2;
  using Reply = PagedStatsReply;
  u64 file, argument;
  PagedControl what;
  u32 reserved;
};
using PagedProtocol = Protocol<OpenPagedRequest, PagedControlRequest>;

}  // namespace hati::native_tests
