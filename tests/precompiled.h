// SPDX-License-Identifier: MIT
// What most of the host tests and what they test use, parsed once.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <concepts>
#include <coroutine>
#include <cstring>
#include <deque>
#include <expected>
#include <functional>
#include <locale>  // clang mixes up va_list where <locale> comes after a precompiled header without it
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>
