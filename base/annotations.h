// SPDX-License-Identifier: MIT
// Names for clang's thread-safety attributes; the build treats their warnings as errors.
#pragma once

#define HATI_CAPABILITY(name) __attribute__((capability(name)))
#define HATI_SCOPED_CAPABILITY __attribute__((scoped_lockable))
#define HATI_GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#define HATI_PT_GUARDED_BY(lock) __attribute__((pt_guarded_by(lock)))
#define HATI_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define HATI_EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define HATI_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define HATI_TRY_ACQUIRE(...) __attribute__((try_acquire_capability(__VA_ARGS__)))
#define HATI_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define HATI_RETURN_CAPABILITY(lock) __attribute__((lock_returned(lock)))
#define HATI_ASSERT_CAPABILITY(lock) __attribute__((assert_capability(lock)))
#define HATI_NO_THREAD_SAFETY_ANALYSIS __attribute__((no_thread_safety_analysis))
