// SPDX-License-Identifier: MIT
// Registers of a device as the driver reaches them: a part of a BAR, or a model of one in a test.
#pragma once

#include <memory>

#include "runtime/handle.h"

namespace hati::virtio {

class RegisterWindow {
 public:
  virtual ~RegisterWindow() = default;
  virtual u64 bytes() const = 0;
  // width 1, 2 or 4; offset + width <= bytes(), offset aligned to width.
  virtual u32 read(u32 offset, u32 width) = 0;
  virtual void write(u32 offset, u32 width, u32 value) = 0;
};

// Where windows come from.
class Bars {
 public:
  virtual ~Bars() = default;
  // kNotFound: no such BAR; kBadData: the range is not inside.
  virtual Result<std::unique_ptr<RegisterWindow>> open(u32 bar, u32 offset, u32 bytes) = 0;
};

// The start-up handles "bar0" .. "bar5". Each is mapped as a whole at first use and stays mapped as long as a window is open.
class StartupBars : public Bars {
 public:
  Result<std::unique_ptr<RegisterWindow>> open(u32 bar, u32 offset, u32 bytes) override;

 private:
  std::shared_ptr<Mapping> bars_[6];
};

}  // namespace hati::virtio
