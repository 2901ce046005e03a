// SPDX-License-Identifier: MIT
// The one way to report failure: a value of type std::expected. `TRY` unwraps in a function,
// `CO_TRY` in a coroutine; both return the error to the caller. Do not bind a TRY result to `auto&&`.
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace hati {

template <class T = void>
using Result = std::expected<T, Error>;

inline constexpr std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(error); }

}  // namespace hati

// NOLINTBEGIN(bugprone-macro-parentheses)
#define TRY(...)                                                                        \
  ({                                                                                    \
    auto hati_try_result = (__VA_ARGS__);                                               \
    if (!hati_try_result) [[unlikely]]                                                  \
      return std::unexpected(std::move(hati_try_result).error());                       \
    *std::move(hati_try_result);                                                        \
  })

#define CO_TRY(...)                                                                     \
  ({                                                                                    \
    auto hati_try_result = (__VA_ARGS__);                                               \
    if (!hati_try_result) [[unlikely]]                                                  \
      co_return std::unexpected(std::move(hati_try_result).error());                    \
    *std::move(hati_try_result);                                                        \
  })
// NOLINTEND(bugprone-macro-parentheses)
