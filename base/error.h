// SPDX-License-Identifier: MIT
// The errors of native calls and operations. A call returns a value >= 0 or -static_cast<i64>(error).
#pragma once

#include "base/types.h"

namespace hati {

enum class Error : i32 {
  kInvalidArgument = 1,  // a value out of range, a reserved bit set, an unaligned address
  kBadHandle,            // no such handle in the table
  kWrongType,            // the handle names another type of object
  kNoRight,              // the handle lacks the right that the call needs
  kNoMemory,             // no physical memory, or a quota is used up
  kNoSpace,              // no room in the address range, the handle table or a queue
  kBadAddress,           // user memory that is not mapped, or not with that access
  kNotFound,             // nothing at that address, under that name, with that id
  kExists,               // there is something already
  kBusy,                 // the object is in a state that forbids this now
  kCancelled,            // the operation was cancelled
  kTimedOut,             // the deadline passed
  kPeerClosed,           // the other end of the channel is gone
  kTooBig,               // the message does not fit into the buffer (or is above the limit)
  kWouldBlock,           // cannot be done without waiting; for plain calls
  kNotSupported,         // a known request that this kernel or object cannot carry out
  kUnknownCall,          // no such call or operation
  kTerminated,           // the object was destroyed while in use
  kAccess,               // a mapping exists but does not permit this access (kBadAddress: none exists)
  kBadData,              // malformed input: ELF, archive, message
  kIo,                   // the device failed
  kMismatch,             // compare-exchange or futex: the value in memory differs
  kNotResident,          // a page of paged memory is not there: Operation::kPageIn brings it, then try again
};

// A short text for logs; never null.
constexpr const char* error_name(Error error) {
  switch (error) {
    case Error::kInvalidArgument: return "invalid argument";
    case Error::kBadHandle: return "bad handle";
    case Error::kWrongType: return "wrong type of object";
    case Error::kNoRight: return "missing right";
    case Error::kNoMemory: return "out of memory";
    case Error::kNoSpace: return "no space";
    case Error::kBadAddress: return "bad address";
    case Error::kNotFound: return "not found";
    case Error::kExists: return "exists already";
    case Error::kBusy: return "busy";
    case Error::kCancelled: return "cancelled";
    case Error::kTimedOut: return "timed out";
    case Error::kPeerClosed: return "peer closed";
    case Error::kTooBig: return "too big";
    case Error::kWouldBlock: return "would block";
    case Error::kNotSupported: return "not supported";
    case Error::kUnknownCall: return "unknown call";
    case Error::kTerminated: return "terminated";
    case Error::kAccess: return "access denied";
    case Error::kBadData: return "malformed data";
    case Error::kIo: return "input/output error";
    case Error::kMismatch: return "value mismatch";
    case Error::kNotResident: return "not resident";
  }
  return "unknown error";
}

}  // namespace hati
