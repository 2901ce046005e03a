// SPDX-License-Identifier: MIT
// Linux's error numbers (include/uapi/asm-generic/errno.h) and the result type of everything in this server that a program can see
// fail. Native errors of the kernel interface are converted here, once.
#pragma once

#include <expected>

#include "base/result.h"

namespace hati::linux {

enum class Errno : i32 {
  kPERM = 1,
  kNOENT = 2,
  kSRCH = 3,
  kINTR = 4,
  kIO = 5,
  kNXIO = 6,
  kTOOBIG = 7,
  kNOEXEC = 8,
  kBADF = 9,
  kCHILD = 10,
  kAGAIN = 11,
  kNOMEM = 12,
  kACCES = 13,
  kFAULT = 14,
  kNOTBLK = 15,
  kBUSY = 16,
  kEXIST = 17,
  kXDEV = 18,
  kNODEV = 19,
  kNOTDIR = 20,
  kISDIR = 21,
  kINVAL = 22,
  kNFILE = 23,
  kMFILE = 24,
  kNOTTY = 25,
  kTXTBSY = 26,
  kFBIG = 27,
  kNOSPC = 28,
  kSPIPE = 29,
  kROFS = 30,
  kMLINK = 31,
  kPIPE = 32,
  kDOM = 33,
  kRANGE = 34,
  kDEADLOCK = 35,
  kNAMETOOLONG = 36,
  kNOLCK = 37,
  kNOSYS = 38,
  kNOTEMPTY = 39,
  kLOOP = 40,
  kNOMSG = 42,
  kIDRM = 43,
  kCHRNG = 44,
  kL2NSYNC = 45,
  kL3HLT = 46,
  kL3RST = 47,
  kLNRNG = 48,
  kUNATCH = 49,
  kNOCSI = 50,
  kL2HLT = 51,
  kBADE = 52,
  kBADR = 53,
  kXFULL = 54,
  kNOANO = 55,
  kBADRQC = 56,
  kBADSLT = 57,
  kBFONT = 59,
  kNOSTR = 60,
  kNODATA = 61,
  kTIME = 62,
  kNOSR = 63,
  kNONET = 64,
  kNOPKG = 65,
  kREMOTE = 66,
  kNOLINK = 67,
  kADV = 68,
  kSRMNT = 69,
  kCOMM = 70,
  kPROTO = 71,
  kMULTIHOP = 72,
  kDOTDOT = 73,
  kBADMSG = 74,
  kOVERFLOW = 75,
  kNOTUNIQ = 76,
  kBADFD = 77,
  kREMCHG = 78,
  kLIBACC = 79,
  kLIBBAD = 80,
  kLIBSCN = 81,
  kLIBMAX = 82,
  kLIBEXEC = 83,
  kILSEQ = 84,
  kRESTART = 85,
  kSTRPIPE = 86,
  kUSERS = 87,
  kNOTSOCK = 88,
  kDESTADDRREQ = 89,
  kMSGSIZE = 90,
  kPROTOTYPE = 91,
  kNOPROTOOPT = 92,
  kPROTONOSUPPORT = 93,
  kSOCKTNOSUPPORT = 94,
  kNOTSUP = 95,
  kOPNOTSUPP = 95,
  kPFNOSUPPORT = 96,
  kAFNOSUPPORT = 97,
  kADDRINUSE = 98,
  kADDRNOTAVAIL = 99,
  kNETDOWN = 100,
  kNETUNREACH = 101,
  kNETRESET = 102,
  kCONNABORTED = 103,
  kCONNRESET = 104,
  kNOBUFS = 105,
  kISCONN = 106,
  kNOTCONN = 107,
  kSHUTDOWN = 108,
  kTOOMANYREFS = 109,
  kTIMEDOUT = 110,
  kCONNREFUSED = 111,
  kHOSTDOWN = 112,
  kHOSTUNREACH = 113,
  kALREADY = 114,
  kINPROGRESS = 115,
  kSTALE = 116,
  kUCLEAN = 117,
  kNOTNAM = 118,
  kNAVAIL = 119,
  kISNAM = 120,
  kREMOTEIO = 121,
  kDQUOT = 122,
  kNOMEDIUM = 123,
  kMEDIUMTYPE = 124,
  kCANCELED = 125,
  kNOKEY = 126,
  kKEYEXPIRED = 127,
  kKEYREVOKED = 128,
  kKEYREJECTED = 129,
  kOWNERDEAD = 130,
  kNOTRECOVERABLE = 131,
  kRFKILL = 132,

  // Internal: never reach a program. Signal delivery turns them into EINTR or restarts the call.
  kRESTARTSYS = 512,         // EINTR unless the handler has SA_RESTART
  kRESTARTNOINTR = 513,      // always restart
  kRESTARTNOHAND = 514,      // restart only if no handler ran
  kRESTARTBLOCK = 516,       // restart through restart_syscall(2): sleeping with a remaining time
  kNEEDASYNC = 600,          // a fast handler asks for its coroutine twin
};

template <class T = void>
using SysResult = std::expected<T, Errno>;

inline constexpr std::unexpected<Errno> fail(Errno error) { return std::unexpected<Errno>(error); }

// What Linux would answer where a native call failed in this way.
constexpr Errno to_errno(Error error) {
  switch (error) {
    case Error::kInvalidArgument: return Errno::kINVAL;
    case Error::kBadHandle: return Errno::kBADF;
    case Error::kWrongType: return Errno::kINVAL;
    case Error::kNoRight: return Errno::kPERM;
    case Error::kNoMemory: return Errno::kNOMEM;
    case Error::kNoSpace: return Errno::kNOMEM;
    case Error::kBadAddress: return Errno::kFAULT;
    case Error::kNotFound: return Errno::kNOENT;
    case Error::kExists: return Errno::kEXIST;
    case Error::kBusy: return Errno::kBUSY;
    case Error::kCancelled: return Errno::kINTR;
    case Error::kTimedOut: return Errno::kTIMEDOUT;
    case Error::kPeerClosed: return Errno::kIO;
    case Error::kTooBig: return Errno::kMSGSIZE;
    case Error::kWouldBlock: return Errno::kAGAIN;
    case Error::kNotSupported: return Errno::kOPNOTSUPP;
    case Error::kUnknownCall: return Errno::kNOSYS;
    case Error::kTerminated: return Errno::kSRCH;
    case Error::kAccess: return Errno::kFAULT;
    case Error::kBadData: return Errno::kNOEXEC;
    case Error::kIo: return Errno::kIO;
    case Error::kMismatch: return Errno::kAGAIN;
    case Error::kNotResident: return Errno::kIO;  // who copies to paged memory brings the page and tries again
  }
  return Errno::kIO;
}

// Unwraps a native Result in a function that returns SysResult: TRY(from_native(space.map(...))).
template <class T>
constexpr SysResult<T> from_native(Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return *std::move(result);
    }
  }
  return fail(to_errno(result.error()));
}

// The value for rax.
constexpr i64 encode(const SysResult<i64>& result) { return result ? *result : -static_cast<i64>(result.error()); }

}  // namespace hati::linux
