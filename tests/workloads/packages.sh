# SPDX-License-Identifier: MIT
# dpkg and apt: packages that are built here, installed, configured, upgraded, removed. No network.
# set: short
mkdir -p one/DEBIAN one/usr/bin one/etc; printf 'Package: one\nVersion: 1.0\nArchitecture: all\nMaintainer: me <me@here>\nDescription: one\n' >one/DEBIAN/control; printf '#!/bin/sh\necho one runs\n' >one/usr/bin/one; chmod 755 one/usr/bin/one; echo setting=1 >one/etc/one.conf; echo /etc/one.conf >one/DEBIAN/conffiles; printf '#!/bin/sh\necho "postinst $@"\n' >one/DEBIAN/postinst; chmod 755 one/DEBIAN/postinst; dpkg-deb --build --root-owner-group one one_1.0_all.deb; dpkg-deb -c one_1.0_all.deb | awk '{print $1, $6}'
dpkg -i one_1.0_all.deb; one; dpkg -s one | grep -E '^(Status|Version)'; dpkg -L one
sed -i 's/1.0/2.0/' one/DEBIAN/control; echo setting=2 >one/etc/one.conf; dpkg-deb --build --root-owner-group one one_2.0_all.deb; dpkg -i one_2.0_all.deb; cat /etc/one.conf; dpkg -V one
dpkg -r one; type one; dpkg -s one | grep ^Status; dpkg -P one; ls /etc/one.conf
mkdir -p two/DEBIAN; printf 'Package: two\nVersion: 1.0\nArchitecture: all\nDepends: one\nMaintainer: me <me@here>\nDescription: two\n' >two/DEBIAN/control; dpkg-deb --build --root-owner-group two two_1.0_all.deb; dpkg -i two_1.0_all.deb; dpkg -r two
apt-get -q -y -o Dpkg::Use-Pty=0 install ./one_2.0_all.deb ./two_1.0_all.deb 2>&1 | grep -v "^Need to get\|^After this" #~
dpkg -l one two | tail -2; one; apt-get -q -y -o Dpkg::Use-Pty=0 remove one 2>&1 | grep '^Removing' #~
apt-cache policy bash | head -3 #~
adduser --disabled-password --gecos '' --quiet bob && id bob; getent passwd bob; su bob -c 'touch /home/bob/mine; stat -c %U /home/bob/mine'; deluser --quiet --remove-home bob; id bob #~
dpkg --audit; dpkg-query -W | wc -l; update-alternatives --query editor 2>/dev/null | head -2
