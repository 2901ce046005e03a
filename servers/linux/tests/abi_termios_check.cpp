// SPDX-License-Identifier: MIT
// abi/linux/termios.h against asm/termbits.h, asm/termios.h, asm/ioctls.h, linux/serial.h.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/ioctl.h>
#include <linux/serial.h>

#include "abi/linux/termios.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

EQUAL(kControlCharacterCount, NCCS);
EQUAL(kVIntr, VINTR);
EQUAL(kVQuit, VQUIT);
EQUAL(kVErase, VERASE);
EQUAL(kVKill, VKILL);
EQUAL(kVEof, VEOF);
EQUAL(kVTime, VTIME);
EQUAL(kVMin, VMIN);
EQUAL(kVSwtc, VSWTC);
EQUAL(kVStart, VSTART);
EQUAL(kVStop, VSTOP);
EQUAL(kVSusp, VSUSP);
EQUAL(kVEol, VEOL);
EQUAL(kVReprint, VREPRINT);
EQUAL(kVDiscard, VDISCARD);
EQUAL(kVWerase, VWERASE);
EQUAL(kVLnext, VLNEXT);
EQUAL(kVEol2, VEOL2);

using TheirTermios = struct ::termios;
SAME_SIZE(Termios, TheirTermios);
SAME(Termios, input, TheirTermios, c_iflag);
SAME(Termios, output, TheirTermios, c_oflag);
SAME(Termios, control, TheirTermios, c_cflag);
SAME(Termios, local, TheirTermios, c_lflag);
SAME(Termios, line, TheirTermios, c_line);
SAME(Termios, characters, TheirTermios, c_cc);
using TheirTermios2 = struct ::termios2;
SAME_SIZE(Termios2, TheirTermios2);
SAME(Termios2, input_speed, TheirTermios2, c_ispeed);
SAME(Termios2, output_speed, TheirTermios2, c_ospeed);
using TheirWindow = struct ::winsize;
SAME_SIZE(WindowSize, TheirWindow);
SAME(WindowSize, rows, TheirWindow, ws_row);
SAME(WindowSize, columns, TheirWindow, ws_col);
SAME(WindowSize, width, TheirWindow, ws_xpixel);
SAME(WindowSize, height, TheirWindow, ws_ypixel);

EQUAL(kIgnBrk, IGNBRK);
EQUAL(kBrkInt, BRKINT);
EQUAL(kIgnPar, IGNPAR);
EQUAL(kParMrk, PARMRK);
EQUAL(kInpck, INPCK);
EQUAL(kIstrip, ISTRIP);
EQUAL(kInlCr, INLCR);
EQUAL(kIgnCr, IGNCR);
EQUAL(kIcrNl, ICRNL);
EQUAL(kIucLc, IUCLC);
EQUAL(kIxon, IXON);
EQUAL(kIxany, IXANY);
EQUAL(kIxoff, IXOFF);
EQUAL(kImaxBel, IMAXBEL);
EQUAL(kIutf8, IUTF8);
EQUAL(kOpost, OPOST);
EQUAL(kOlcuc, OLCUC);
EQUAL(kOnlCr, ONLCR);
EQUAL(kOcrNl, OCRNL);
EQUAL(kOnoCr, ONOCR);
EQUAL(kOnlRet, ONLRET);
EQUAL(kTabDelay, TABDLY);
EQUAL(kXtabs, XTABS);
EQUAL(kBaudMask, CBAUD);
EQUAL(kB38400, B38400);
EQUAL(kB115200, B115200);
EQUAL(kCs8, CS8);
EQUAL(kCread, CREAD);
EQUAL(kHupCl, HUPCL);
EQUAL(kClocal, CLOCAL);
EQUAL(kIsig, ISIG);
EQUAL(kIcanon, ICANON);
EQUAL(kXcase, XCASE);
EQUAL(kEcho, ECHO);
EQUAL(kEchoE, ECHOE);
EQUAL(kEchoK, ECHOK);
EQUAL(kEchoNl, ECHONL);
EQUAL(kNoFlsh, NOFLSH);
EQUAL(kTostop, TOSTOP);
EQUAL(kEchoCtl, ECHOCTL);
EQUAL(kEchoPrt, ECHOPRT);
EQUAL(kEchoKe, ECHOKE);
EQUAL(kFlushO, FLUSHO);
EQUAL(kPendIn, PENDIN);
EQUAL(kIexten, IEXTEN);
EQUAL(kExtProc, EXTPROC);

EQUAL(kTcGets, TCGETS);
EQUAL(kTcSets, TCSETS);
EQUAL(kTcSetsW, TCSETSW);
EQUAL(kTcSetsF, TCSETSF);
EQUAL(kTcGetA, TCGETA);
EQUAL(kTcSetA, TCSETA);
EQUAL(kTcSetAw, TCSETAW);
EQUAL(kTcSetAf, TCSETAF);
EQUAL(kTcSbrk, TCSBRK);
EQUAL(kTcXonc, TCXONC);
EQUAL(kTcFlsh, TCFLSH);
EQUAL(kTiocExcl, TIOCEXCL);
EQUAL(kTiocNxcl, TIOCNXCL);
EQUAL(kTiocSctty, TIOCSCTTY);
EQUAL(kTiocGpgrp, TIOCGPGRP);
EQUAL(kTiocSpgrp, TIOCSPGRP);
EQUAL(kTiocOutq, TIOCOUTQ);
EQUAL(kTiocSti, TIOCSTI);
EQUAL(kTiocGwinsz, TIOCGWINSZ);
EQUAL(kTiocSwinsz, TIOCSWINSZ);
EQUAL(kTiocMget, TIOCMGET);
EQUAL(kTiocMbis, TIOCMBIS);
EQUAL(kTiocMbic, TIOCMBIC);
EQUAL(kTiocMset, TIOCMSET);
EQUAL(kTiocGsoftcar, TIOCGSOFTCAR);
EQUAL(kTiocSsoftcar, TIOCSSOFTCAR);
EQUAL(kTiocInq, TIOCINQ);
EQUAL(kTiocLinux, TIOCLINUX);
EQUAL(kTiocCons, TIOCCONS);
EQUAL(kTiocGserial, TIOCGSERIAL);
EQUAL(kTiocSserial, TIOCSSERIAL);
EQUAL(kTiocPkt, TIOCPKT);
EQUAL(kFioNbio, FIONBIO);
EQUAL(kTiocNotty, TIOCNOTTY);
EQUAL(kTiocSetd, TIOCSETD);
EQUAL(kTiocGetd, TIOCGETD);
EQUAL(kTcSbrkP, TCSBRKP);
EQUAL(kTiocGsid, TIOCGSID);
EQUAL(kTcGets2, TCGETS2);
EQUAL(kTcSets2, TCSETS2);
EQUAL(kTcSetsW2, TCSETSW2);
EQUAL(kTcSetsF2, TCSETSF2);
EQUAL(kTiocGptn, TIOCGPTN);
EQUAL(kTiocSptlck, TIOCSPTLCK);
EQUAL(kTiocGdev, TIOCGDEV);
EQUAL(kTiocSig, TIOCSIG);
EQUAL(kTiocVhangup, TIOCVHANGUP);
EQUAL(kTiocGpkt, TIOCGPKT);
EQUAL(kTiocGptlck, TIOCGPTLCK);
EQUAL(kTiocGexcl, TIOCGEXCL);
EQUAL(kTiocGptpeer, TIOCGPTPEER);
EQUAL(kTiocGlcktrmios, TIOCGLCKTRMIOS);
EQUAL(kTiocSlcktrmios, TIOCSLCKTRMIOS);

EQUAL(kPacketData, TIOCPKT_DATA);
EQUAL(kPacketFlushRead, TIOCPKT_FLUSHREAD);
EQUAL(kPacketFlushWrite, TIOCPKT_FLUSHWRITE);
EQUAL(kPacketStop, TIOCPKT_STOP);
EQUAL(kPacketStart, TIOCPKT_START);
EQUAL(kPacketNoStop, TIOCPKT_NOSTOP);
EQUAL(kPacketDoStop, TIOCPKT_DOSTOP);
EQUAL(kPacketIoctl, TIOCPKT_IOCTL);

using TheirSerial = struct ::serial_struct;
SAME_SIZE(SerialStruct, TheirSerial);
SAME(SerialStruct, type, TheirSerial, type);
SAME(SerialStruct, line, TheirSerial, line);
SAME(SerialStruct, port, TheirSerial, port);
SAME(SerialStruct, irq, TheirSerial, irq);
SAME(SerialStruct, flags, TheirSerial, flags);
SAME(SerialStruct, xmit_fifo_size, TheirSerial, xmit_fifo_size);
SAME(SerialStruct, custom_divisor, TheirSerial, custom_divisor);
SAME(SerialStruct, baud_base, TheirSerial, baud_base);
SAME(SerialStruct, close_delay, TheirSerial, close_delay);
SAME(SerialStruct, io_type, TheirSerial, io_type);
SAME(SerialStruct, hub6, TheirSerial, hub6);
SAME(SerialStruct, closing_wait, TheirSerial, closing_wait);
SAME(SerialStruct, closing_wait2, TheirSerial, closing_wait2);
SAME(SerialStruct, iomem_base, TheirSerial, iomem_base);
SAME(SerialStruct, iomem_reg_shift, TheirSerial, iomem_reg_shift);
SAME(SerialStruct, port_high, TheirSerial, port_high);
SAME(SerialStruct, iomap_base, TheirSerial, iomap_base);

}  // namespace hati::linux
