// SPDX-License-Identifier: MIT
// From a superblock of unknown origin to numbers that can be trusted.
#pragma once

#include "servers/ext4/volume/volume.h"

namespace hati::ext4 {

// kInvalid: not this kind of file system; kNotSupported: features, named in `reason`; kCorrupted: impossible numbers.
Outcome<Geometry> read_geometry(const Superblock& superblock, u64 device_bytes, std::string* reason);
// The checksum is right, or would be if the journal's flag had its other value: that flag is changed by a write of its own, which a
// power failure may tear.
bool superblock_intact(const Geometry& geometry, const Superblock& superblock);

}  // namespace hati::ext4
