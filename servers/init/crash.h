// SPDX-License-Identifier: MIT
// What is said about a server that died of an exception: registers and a symbolised backtrace.
#pragma once

#include "runtime/loader.h"
#include "runtime/operation.h"
#include "servers/init/symbols.h"

namespace hati::init {

void report_crash(const std::string& name, const LoadedProcess& process, const SpaceEnded& ended, const SymbolTable& symbols);

}  // namespace hati::init
