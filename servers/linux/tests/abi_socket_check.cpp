// SPDX-License-Identifier: MIT
// abi/linux/socket.h against asm/socket.h and, where uapi leaves it to the C library, sys/socket.h.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/socket.h>

#include "abi/linux/socket.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

EQUAL(kAfUnspecified, AF_UNSPEC);
EQUAL(kAfUnix, AF_UNIX);
EQUAL(kSockStream, SOCK_STREAM);
EQUAL(kSockDatagram, SOCK_DGRAM);
EQUAL(kSockSequenced, SOCK_SEQPACKET);
EQUAL(kSockNonBlock, SOCK_NONBLOCK);
EQUAL(kSockCloseOnExec, SOCK_CLOEXEC);
EQUAL(kMsgOob, MSG_OOB);
EQUAL(kMsgPeek, MSG_PEEK);
EQUAL(kMsgControlTruncated, MSG_CTRUNC);
EQUAL(kMsgTruncated, MSG_TRUNC);
EQUAL(kMsgDontWait, MSG_DONTWAIT);
EQUAL(kMsgEndOfRecord, MSG_EOR);
EQUAL(kMsgWaitAll, MSG_WAITALL);
EQUAL(kMsgNoSignal, MSG_NOSIGNAL);
EQUAL(kMsgCloseOnExec, MSG_CMSG_CLOEXEC);
EQUAL(kShutRead, SHUT_RD);
EQUAL(kShutWrite, SHUT_WR);
EQUAL(kShutBoth, SHUT_RDWR);

using TheirMessage = struct ::msghdr;
SAME_SIZE(UserMessage, TheirMessage);
SAME(UserMessage, name, TheirMessage, msg_name);
SAME(UserMessage, name_bytes, TheirMessage, msg_namelen);
SAME(UserMessage, vector, TheirMessage, msg_iov);
SAME(UserMessage, vector_count, TheirMessage, msg_iovlen);
SAME(UserMessage, control, TheirMessage, msg_control);
SAME(UserMessage, control_bytes, TheirMessage, msg_controllen);
SAME(UserMessage, flags, TheirMessage, msg_flags);
using TheirMultiMessage = struct ::mmsghdr;
SAME_SIZE(UserMultiMessage, TheirMultiMessage);
SAME(UserMultiMessage, length, TheirMultiMessage, msg_len);
using TheirControl = struct ::cmsghdr;
SAME_SIZE(ControlHeader, TheirControl);
SAME(ControlHeader, bytes, TheirControl, cmsg_len);
SAME(ControlHeader, level, TheirControl, cmsg_level);
SAME(ControlHeader, type, TheirControl, cmsg_type);
using TheirCredentials = struct ::ucred;
SAME_SIZE(UserCredentials, TheirCredentials);
SAME(UserCredentials, pid, TheirCredentials, pid);
SAME(UserCredentials, uid, TheirCredentials, uid);
SAME(UserCredentials, gid, TheirCredentials, gid);
EQUAL(kSolSocket, SOL_SOCKET);
EQUAL(kScmRights, SCM_RIGHTS);
EQUAL(kScmCredentials, SCM_CREDENTIALS);

EQUAL(kSoReuseAddr, SO_REUSEADDR);
EQUAL(kSoType, SO_TYPE);
EQUAL(kSoError, SO_ERROR);
EQUAL(kSoDontRoute, SO_DONTROUTE);
EQUAL(kSoBroadcast, SO_BROADCAST);
EQUAL(kSoSndBuf, SO_SNDBUF);
EQUAL(kSoRcvBuf, SO_RCVBUF);
EQUAL(kSoKeepAlive, SO_KEEPALIVE);
EQUAL(kSoPriority, SO_PRIORITY);
EQUAL(kSoLinger, SO_LINGER);
EQUAL(kSoReusePort, SO_REUSEPORT);
EQUAL(kSoPassCred, SO_PASSCRED);
EQUAL(kSoPeerCred, SO_PEERCRED);
EQUAL(kSoRcvTimeO, SO_RCVTIMEO);
EQUAL(kSoSndTimeO, SO_SNDTIMEO);
EQUAL(kSoTimestamp, SO_TIMESTAMP);
EQUAL(kSoAcceptConn, SO_ACCEPTCONN);
EQUAL(kSoSndBufForce, SO_SNDBUFFORCE);
EQUAL(kSoRcvBufForce, SO_RCVBUFFORCE);
EQUAL(kSoPassSec, SO_PASSSEC);
EQUAL(kSoProtocol, SO_PROTOCOL);
EQUAL(kSoDomain, SO_DOMAIN);
EQUAL(kSoPeerGroups, SO_PEERGROUPS);

}  // namespace hati::linux
